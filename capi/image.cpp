// include/llava/image.h
#include <llava/image.h>

#include "arguments.hpp"
#include "image/data_uri.hpp"
#include "image/decode.hpp"
#include "image/raw_pixels.hpp"
#include "image_files.hpp"
#include "options_calls.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;

namespace {

// Settings of one call with the token they may be cancelled by.
struct Decoding {
  explicit Decoding(const llava_image_options* given) : settings(read_options(given)), use(settings.cancel) {
    options.apply_exif = settings.apply_exif != 0;
    options.max_pixels = settings.max_pixels;
    options.max_bytes = settings.max_bytes;
    options.cancel = use.cancel();
    options.cancel.poll("decoding");
  }
  llava_image_options settings;
  CancelUse use;
  llava::core::DecodeOptions options;
};

llava_image* new_image(llava::core::Picture picture) {
  return wrap<llava_image>(std::make_shared<ImageObject>(std::move(picture)));
}

llava_image_desc describe(int32_t width, int32_t height, llava::core::PictureFormat format, int32_t orientation) {
  llava_image_desc desc = {};
  desc.source = static_cast<int32_t>(format);
  desc.width = width;
  desc.height = height;
  desc.orientation = orientation;
  return desc;
}

}  // namespace

LLAVA_OPTIONS(image)

llava_status llava_image_from_file(const char* path, const llava_image_options* options, llava_image** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto name = path_argument(path, "path");
    const Decoding decoding(options);
    const auto bytes = read_picture_file(name, decoding.options.max_bytes);
    *out = new_image(llava::core::decode_picture(bytes, name, decoding.options));
  });
}

llava_status llava_image_from_memory(const void* bytes, size_t size, const llava_image_options* options,
                                     llava_image** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const Decoding decoding(options);
    const auto file = byte_argument(bytes, size);
    *out = new_image(llava::core::decode_picture(file, "picture", decoding.options));
  });
}

llava_status llava_image_from_data_uri(const char* uri, const llava_image_options* options, llava_image** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const Decoding decoding(options);
    const auto limit = decoding.options.max_bytes / 3 * 4 + 1024;
    const auto bytes = llava::core::decode_data_uri(text_argument(uri, "uri", limit), decoding.options.max_bytes);
    *out = new_image(llava::core::decode_picture(bytes, "picture", decoding.options));
  });
}

llava_status llava_image_from_pixels(const void* pixels, int32_t width, int32_t height, int64_t stride, int32_t format,
                                     llava_image** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    if (!pixels) throw Error(Status::argument, "pixels is NULL, expected the first byte of the top row");
    check_range(width, 1, INT32_MAX, "width");
    check_range(height, 1, INT32_MAX, "height");
    check_range(format, LLAVA_PIXELS_GRAY8, LLAVA_PIXELS_RGBX32, "format");
    *out = new_image(
        llava::core::picture_from_pixels(pixels, width, height, stride, static_cast<llava::core::PixelFormat>(format)));
  });
}

llava_status llava_image_probe(const void* bytes, size_t size, llava_image_desc* out) {
  return guarded({}, [&] {
    const auto info = llava::core::probe_picture(byte_argument(bytes, size), "picture");
    fill_struct(out, describe(info.width, info.height, info.format, info.orientation), "llava_image_desc");
  });
}

llava_status llava_image_info(const llava_image* image, llava_image_desc* out) {
  return guarded({}, [&] {
    const auto object = get(image, "image");
    const auto& picture = *object->picture;
    auto desc = describe(picture.width, picture.height, picture.format, picture.orientation);
    put_text(desc.sha256, picture.hash());
    fill_struct(out, desc, "llava_image_desc");
  });
}

llava_status llava_image_pixels(const llava_image* image, int32_t format, void* dst, size_t capacity, size_t* needed) {
  return guarded(cleared(needed), [&] {
    const auto object = get(image, "image");
    check_range(format, LLAVA_PIXELS_GRAY8, LLAVA_PIXELS_RGBX32, "format");
    required(needed, "needed");
    const auto& picture = *object->picture;
    const auto kind = static_cast<llava::core::PixelFormat>(format);
    const auto count = static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
    const size_t bytes = count * static_cast<size_t>(llava::core::pixel_bytes(kind));
    if (!dst && capacity) throw Error(Status::argument, cat("capacity is ", capacity, " without a buffer, expected 0"));
    *needed = bytes;
    if (!dst) return;
    if (capacity < bytes)
      throw Error(Status::buffer_too_small, cat("dst has room for ", capacity, " bytes, needed are ", bytes))
          .with("needed", static_cast<int64_t>(bytes));
    write_pixels(picture, kind, static_cast<uint8_t*>(dst));
  });
}

LLAVA_COUNTED(image)
