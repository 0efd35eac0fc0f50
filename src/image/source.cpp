// Checks and cursors common to all picture formats, and the one place that knows what the eight EXIF orientations mean.
#include "image/source.hpp"

#include <algorithm>
#include <cstring>

namespace llava::core {

const char* picture_format_name(PictureFormat format) noexcept {
  switch (format) {
    case PictureFormat::jpeg:
      return "JPEG";
    case PictureFormat::png:
      return "PNG";
    case PictureFormat::bmp:
      return "BMP";
    case PictureFormat::gif:
      return "GIF";
    case PictureFormat::webp:
      return "WebP";
    default:
      return "raw pixels";
  }
}

void Source::throw_error(Status status, const std::string& text) const {
  throw Error(status, cat(name, ": ", picture_format_name(format), ": ", text));
}

void Source::check_size(int64_t width, int64_t height, int64_t max_side) const {
  if (width <= 0 || height <= 0)
    refuse(Status::format, "the size is ", width, " x ", height, ", at least 1 x 1 expected");
  const auto side = std::max(width, height);
  if (side > max_side) {
    throw Error(Status::limit, cat(name, ": ", picture_format_name(format), ": a side of ", side, " pixels, at most ",
                                   max_side, " allowed"))
        .with("found", side)
        .with("allowed", max_side);
  }
  if (width * height > options.max_pixels) {
    throw Error(Status::limit, cat(name, ": ", picture_format_name(format), ": ", width, " x ", height, " = ",
                                   width * height, " pixels, at most ", options.max_pixels, " allowed"))
        .with("found", width * height)
        .with("allowed", options.max_pixels);
  }
}

std::span<const uint8_t> ByteReader::take(size_t count, const char* what) {
  if (count > left()) {
    source_.refuse(Status::format, "the file ends inside ", what, ": ", count, " bytes needed at byte ", at_, ", ",
                   left(), " left");
  }
  const auto piece = source_.bytes.subspan(at_, count);
  at_ += count;
  return piece;
}

uint32_t ByteReader::be16(const char* what) {
  const auto b = take(2, what);
  return uint32_t{b[0]} << 8 | b[1];
}

uint32_t ByteReader::be32(const char* what) {
  const auto b = take(4, what);
  return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3];
}

uint32_t ByteReader::le16(const char* what) {
  const auto b = take(2, what);
  return uint32_t{b[1]} << 8 | b[0];
}

uint32_t ByteReader::le32(const char* what) {
  const auto b = take(4, what);
  return uint32_t{b[3]} << 24 | uint32_t{b[2]} << 16 | uint32_t{b[1]} << 8 | b[0];
}

namespace {

/// Where the first pixel of a stored row comes to lie, and how far apart its pixels are; both in pixels.
struct Path {
  int64_t start, step;
};

// TIFF 6.0, tag 274; the same turns as Pillow's ImageOps.exif_transpose.
Path path_of_row(int32_t turn, int64_t row, int64_t width, int64_t height) {
  switch (turn) {
    case 2:
      return {row * width + width - 1, -1};
    case 3:
      return {(height - 1 - row) * width + width - 1, -1};
    case 4:
      return {(height - 1 - row) * width, 1};
    case 5:
      return {row, height};
    case 6:
      return {height - 1 - row, height};
    case 7:
      return {(width - 1) * height + height - 1 - row, -height};
    case 8:
      return {(width - 1) * height + row, -height};
    default:
      return {row * width, 1};
  }
}

}  // namespace

RowSink::RowSink(const Source& source, const Header& header)
    : source_(source), header_(header), turn_(source.options.apply_exif ? header.orientation : 1) {
  const bool on_its_side = turn_ >= 5;
  picture_.width = static_cast<int32_t>(on_its_side ? header.height : header.width);
  picture_.height = static_cast<int32_t>(on_its_side ? header.width : header.height);
  picture_.format = source.format;
  picture_.orientation = header.orientation;
  picture_.rgb.reserve(static_cast<size_t>(header.width * header.height * 3));
}

void RowSink::put(int64_t row, const uint8_t* rgb, int64_t count, int64_t first, int64_t stride) {
  source_.options.cancel.poll("picture decoding");
  const auto path = path_of_row(turn_, row, header_.width, header_.height);
  const auto last_of_row = path.start + path.step * (header_.width - 1);
  const auto end = static_cast<size_t>(std::max(path.start, last_of_row) + 1) * 3;
  if (picture_.rgb.size() < end) picture_.rgb.resize(end);
  auto* target = picture_.rgb.data() + (path.start + path.step * first) * 3;
  const auto step = path.step * stride * 3;
  if (step == 3) {
    std::memcpy(target, rgb, static_cast<size_t>(count) * 3);
    return;
  }
  for (int64_t i = 0; i < count; ++i) std::memcpy(target + i * step, rgb + i * 3, 3);
}

void RowSink::fill(uint8_t red, uint8_t green, uint8_t blue) {
  const std::vector<uint8_t> colour{red, green, blue};
  picture_.rgb.resize(static_cast<size_t>(header_.width * header_.height * 3));
  for (size_t i = 0; i < picture_.rgb.size(); ++i) picture_.rgb[i] = colour[i % 3];
}

Picture RowSink::take() {
  picture_.rgb.resize(static_cast<size_t>(header_.width * header_.height * 3));
  return std::move(picture_);
}

}  // namespace llava::core
