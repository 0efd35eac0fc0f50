// Raw pixels to RGB: a table of where red, green and blue lie in each format.
#include "image/raw_pixels.hpp"

#include <array>
#include <limits>

#include "base/error.hpp"

namespace llava::core {
namespace {

struct Places {
  int64_t bytes, red, green, blue;
};

constexpr std::array<Places, 7> kPlaces{
    {{1, 0, 0, 0}, {3, 0, 1, 2}, {3, 2, 1, 0}, {4, 0, 1, 2}, {4, 2, 1, 0}, {4, 1, 2, 3}, {4, 0, 1, 2}}};

const Places& places_of(PixelFormat format) {
  const auto number = static_cast<int32_t>(format);
  if (number < 0 || number >= static_cast<int32_t>(kPlaces.size())) {
    throw Error(Status::argument, cat("pixel format is ", number, ", 0 to ", kPlaces.size() - 1, " expected"));
  }
  return kPlaces[static_cast<size_t>(number)];
}

void check_size(int64_t width, int64_t height, const DecodeOptions& options) {
  if (width < 1 || height < 1)
    throw Error(Status::argument, cat("pixels are ", width, " x ", height, ", at least 1 x 1 expected"));
  const auto side = std::max(width, height);
  if (side > limits::kPictureSide) {
    throw Error(Status::limit, cat("pixels: a side of ", side, ", at most ", limits::kPictureSide, " allowed"))
        .with("found", side)
        .with("allowed", limits::kPictureSide);
  }
  if (width * height > options.max_pixels) {
    throw Error(Status::limit, cat("pixels: ", width, " x ", height, " = ", width * height, ", at most ",
                                   options.max_pixels, " allowed"))
        .with("found", width * height)
        .with("allowed", options.max_pixels);
  }
}

void check_stride(int64_t stride, int64_t row_bytes, int64_t height) {
  constexpr auto kMost = std::numeric_limits<int64_t>::max();
  if (stride == std::numeric_limits<int64_t>::min() || std::abs(stride) < row_bytes) {
    throw Error(Status::argument, cat("stride_bytes is ", stride, ", a row takes ", row_bytes));
  }
  if (std::abs(stride) > (kMost - row_bytes) / height) {
    throw Error(Status::argument, cat("stride_bytes is ", stride, ": ", height, " rows overflow"));
  }
}

}  // namespace

int64_t pixel_bytes(PixelFormat format) { return places_of(format).bytes; }

Picture picture_from_pixels(const void* pixels, int64_t width, int64_t height, int64_t stride_bytes, PixelFormat format,
                            const DecodeOptions& options) {
  if (pixels == nullptr) throw Error(Status::argument, "pixels is NULL");
  const auto places = places_of(format);
  check_size(width, height, options);
  const auto row_bytes = width * places.bytes;
  if (stride_bytes == 0) stride_bytes = row_bytes;
  check_stride(stride_bytes, row_bytes, height);

  Picture picture;
  picture.width = static_cast<int32_t>(width);
  picture.height = static_cast<int32_t>(height);
  picture.rgb.resize(static_cast<size_t>(width * height * 3));
  auto* target = picture.rgb.data();
  for (int64_t y = 0; y < height; ++y) {
    options.cancel.poll("copying pixels");
    const auto* pixel = static_cast<const uint8_t*>(pixels) + y * stride_bytes;
    for (int64_t x = 0; x < width; ++x, pixel += places.bytes, target += 3) {
      target[0] = pixel[places.red];
      target[1] = pixel[places.green];
      target[2] = pixel[places.blue];
    }
  }
  return picture;
}

}  // namespace llava::core
