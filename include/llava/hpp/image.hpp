/** @file image.hpp Pictures. */
#ifndef LLAVA_HPP_IMAGE_HPP
#define LLAVA_HPP_IMAGE_HPP

#include "base.hpp"

namespace llava {
inline namespace abi1 {

/** How pictures are decoded; see llava_image_options. Since 0.1. */
struct ImageOptions {
  bool apply_exif = true; /**< turn as EXIF says */
  int64_t max_pixels = 0; /**< 0: the library's limit */
  int64_t max_bytes = 0;  /**< 0: the library's limit */
  Cancel cancel = {};     /**< may be empty */

  /** The C form; valid while this struct lives. */
  llava_image_options c() const {
    llava_image_options options;
    detail::check(llava_image_options_init(&options, sizeof options));
    options.apply_exif = apply_exif;
    if (max_pixels) options.max_pixels = max_pixels;
    if (max_bytes) options.max_bytes = max_bytes;
    options.cancel = cancel.get();
    return options;
  }
};

/** Layout of raw pixels; see the LLAVA_PIXELS_… numbers. */
enum class PixelFormat : int32_t { gray8 = 0, rgb24 = 1, bgr24 = 2, rgba32 = 3, bgra32 = 4, argb32 = 5, rgbx32 = 6 };

/** A decoded picture. Since 0.1. */
class Image : public detail::Handle<llava_image, llava_image_retain, llava_image_free> {
 public:
  Image() = default;
  /** Reads a file. */
  explicit Image(const std::string& path, const ImageOptions& options = {}) {
    const auto c = options.c();
    detail::check(llava_image_from_file(detail::c_text(path, "path"), &c, &handle_));
  }
  /** Decodes a file that lies in memory. */
  static Image from_memory(const void* bytes, std::size_t size, const ImageOptions& options = {}) {
    Image image;
    const auto c = options.c();
    detail::check(llava_image_from_memory(bytes, size, &c, &image.handle_));
    return image;
  }
  /** Decodes "data:image/…;base64,…". */
  static Image from_data_uri(const std::string& uri, const ImageOptions& options = {}) {
    Image image;
    const auto c = options.c();
    detail::check(llava_image_from_data_uri(detail::c_text(uri, "uri"), &c, &image.handle_));
    return image;
  }
  /** Copies raw pixels; see llava_image_from_pixels(). */
  static Image from_pixels(const void* pixels, int32_t width, int32_t height, int64_t stride, PixelFormat format) {
    Image image;
    detail::check(llava_image_from_pixels(pixels, width, height, stride, static_cast<int32_t>(format), &image.handle_));
    return image;
  }
  /** Takes over a handle of the C interface. */
  static Image adopt(llava_image* handle) {
    Image image;
    image.handle_ = handle;
    return image;
  }

  /** Size, kind, hash. */
  llava_image_desc info() const {
    llava_image_desc desc = {};
    desc.struct_size = sizeof desc;
    detail::check(llava_image_info(handle_, &desc));
    return desc;
  }
  int32_t width() const { return info().width; }   /**< pixels */
  int32_t height() const { return info().height; } /**< pixels */

  /** The decoded pixels, rows without gaps. */
  std::vector<uint8_t> pixels(PixelFormat format = PixelFormat::rgb24) const {
    return detail::copy_out<uint8_t>([&](uint8_t* to, std::size_t capacity, std::size_t* needed) {
      return llava_image_pixels(handle_, static_cast<int32_t>(format), to, capacity, needed);
    });
  }
};

/** Size and kind of a picture file without decoding it. */
inline llava_image_desc probe_image(const void* bytes, std::size_t size) {
  llava_image_desc desc = {};
  desc.struct_size = sizeof desc;
  detail::check(llava_image_probe(bytes, size, &desc));
  return desc;
}

}  // namespace abi1
}  // namespace llava

#endif
