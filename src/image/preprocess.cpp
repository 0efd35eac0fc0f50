// Padding, resizing and cropping are one resampling of a window of a virtual canvas; scaling and normalising are a
// table of 256 floats a channel. Source: transformers 4.57.3, image_transforms.py (center_crop, rescale, normalize),
// image_processing_llava.py.
#include "image/preprocess.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

struct Size {
  int64_t height, width;
};

Canvas canvas_for(const Picture& picture, const PreprocessConfig& config) {
  auto canvas = canvas_of(picture.rgb, picture.width, picture.height);
  if (!config.do_pad) return canvas;
  const auto side = std::max(canvas.width, canvas.height);
  canvas.ground_width = canvas.ground_height = side;
  canvas.left = (side - canvas.width) / 2;
  canvas.top = (side - canvas.height) / 2;
  for (size_t c = 0; c < 3; ++c) canvas.ground[c] = static_cast<uint8_t>(static_cast<int>(config.image_mean[c] * 255));
  return canvas;
}

Size resized_size(const Canvas& canvas, const PreprocessConfig& config) {
  if (!config.do_resize) return {canvas.ground_height, canvas.ground_width};
  if (config.shortest_edge == 0) return {config.height, config.width};
  const auto shorter = std::min(canvas.ground_width, canvas.ground_height);
  const auto longer = std::max(canvas.ground_width, canvas.ground_height);
  const auto target =
      static_cast<int64_t>(static_cast<double>(config.shortest_edge * longer) / static_cast<double>(shorter));
  if (canvas.ground_width <= canvas.ground_height) return {target, config.shortest_edge};
  return {config.shortest_edge, target};
}

int64_t floor_half(int64_t value) { return value >> 1; }  // of negative numbers, too: -3 becomes -2

/// The result's rows or columns: `count` of them, which begin at place `from` of the resized picture (negative: black).
struct Cut {
  int64_t from, count;
  int64_t begin() const { return std::max<int64_t>(from, 0); }
  int64_t kept(int64_t size) const { return std::min(from + count, size) - begin(); }
};

Cut cut_of(int64_t size, int64_t crop, bool do_crop) {
  return do_crop ? Cut{floor_half(size - crop), crop} : Cut{0, size};
}

void check_result(int64_t height, int64_t width) {
  if (height * width <= limits::kPicturePixels) return;
  throw Error(Status::limit, cat("preprocessing would give ", width, " x ", height, " pixels, at most ",
                                 limits::kPicturePixels, " allowed"))
      .with("found", height * width)
      .with("allowed", limits::kPicturePixels);
}

std::array<float, 256> value_table(const PreprocessConfig& config, size_t channel) {
  std::array<float, 256> table{};
  for (size_t byte = 0; byte < 256; ++byte) {
    const auto raw = static_cast<double>(byte);
    auto value = static_cast<float>(config.do_rescale ? raw * config.rescale_factor : raw);
    if (config.do_normalize) {
      value = (value - static_cast<float>(config.image_mean[channel])) / static_cast<float>(config.image_std[channel]);
    }
    table[byte] = value;
  }
  return table;
}

}  // namespace

void check_picture(const Picture& picture) {
  const auto expected = int64_t{picture.width} * picture.height * 3;
  if (picture.width < 1 || picture.height < 1 || !std::cmp_equal(picture.rgb.size(), expected)) {
    throw Error(Status::argument,
                cat("a picture of ", picture.width, " x ", picture.height, " with ", picture.rgb.size(), " bytes"));
  }
}

PixelsU8 preprocess_u8(const Picture& picture, const PreprocessConfig& config, const Cancel& cancel) {
  check_picture(picture);
  const auto canvas = canvas_for(picture, config);
  const auto size = resized_size(canvas, config);
  const auto rows = cut_of(size.height, config.crop_height, config.do_center_crop);
  const auto columns = cut_of(size.width, config.crop_width, config.do_center_crop);
  check_result(rows.count, columns.count);

  const Window window{columns.begin(), rows.begin(), columns.kept(size.width), rows.kept(size.height)};
  auto kept = resize(canvas, size.width, size.height, config.resample, window, cancel);
  PixelsU8 result{static_cast<int32_t>(rows.count), static_cast<int32_t>(columns.count), {}};
  if (window.width == columns.count && window.height == rows.count) {
    result.rgb = std::move(kept);
    return result;
  }
  result.rgb.resize(
      static_cast<size_t>(rows.count * columns.count * 3));  // black around a picture smaller than the crop
  for (int64_t y = 0; y < window.height; ++y) {
    auto* target = result.rgb.data() + ((window.y - rows.from + y) * columns.count + window.x - columns.from) * 3;
    std::memcpy(target, kept.data() + y * window.width * 3, static_cast<size_t>(window.width * 3));
  }
  return result;
}

Pixels scaled(const PixelsU8& bytes, const PreprocessConfig& config) {
  Pixels pixels{3, bytes.height, bytes.width, {}};
  const auto area = static_cast<size_t>(bytes.height) * static_cast<size_t>(bytes.width);
  pixels.values.resize(area * 3);
  for (size_t channel = 0; channel < 3; ++channel) {
    const auto table = value_table(config, channel);
    auto* plane = pixels.values.data() + channel * area;
    for (size_t i = 0; i < area; ++i) plane[i] = table[bytes.rgb[i * 3 + channel]];
  }
  return pixels;
}

Pixels preprocess(const Picture& picture, const PreprocessConfig& config, const Cancel& cancel) {
  return scaled(preprocess_u8(picture, config, cancel), config);
}

}  // namespace llava::core
