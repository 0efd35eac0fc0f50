// Tells the format from the first bytes and hands the file to its reader. Formats we know but do not read are named.
#include "image/decode.hpp"

#include <algorithm>
#include <array>

#include "image/codecs.hpp"

namespace llava::core {
namespace {

using Bytes = std::span<const uint8_t>;

bool stands_at(Bytes bytes, size_t at, std::string_view text) {
  if (bytes.size() < at + text.size()) return false;
  return std::equal(text.begin(), text.end(), bytes.begin() + static_cast<ptrdiff_t>(at),
                    [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

using namespace std::string_view_literals;

struct Known {
  size_t at;
  std::string_view magic;
  const char* name;
};

constexpr std::array kNotRead = {
    Known{4, "ftypavif"sv, "AVIF"},
    Known{4, "ftypavis"sv, "AVIF"},
    Known{4, "ftypheic"sv, "HEIC"},
    Known{4, "ftypheix"sv, "HEIC"},
    Known{4, "ftyphevc"sv, "HEIC"},
    Known{4, "ftypheim"sv, "HEIC"},
    Known{4, "ftypmif1"sv, "HEIF"},
    Known{4, "ftypmsf1"sv, "HEIF"},
    Known{4, "ftypcrx "sv, "Canon raw"},
    Known{0, "II*\0"sv, "TIFF"},
    Known{0, "MM\0*"sv, "TIFF"},
    Known{0, "II+\0"sv, "BigTIFF"},
    Known{0, "MM\0+"sv, "BigTIFF"},
    Known{0, "\0\0\0\x0CjP  "sv, "JPEG 2000"},
    Known{0, "\xFF\x4F\xFF\x51"sv, "JPEG 2000"},
    Known{0, "\xFF\x0A"sv, "JPEG XL"},
    Known{0, "\0\0\0\x0CJXL "sv, "JPEG XL"},
    Known{0, "8BPS"sv, "Photoshop"},
    Known{0, "\0\0\1\0"sv, "Windows icon"},
    Known{0, "qoif"sv, "QOI"},
    Known{0, "DDS "sv, "DDS"},
    Known{0, "\x76\x2F\x31\x01"sv, "OpenEXR"},
    Known{0, "#?RADIANCE"sv, "Radiance HDR"},
    Known{0, "\x8AMNG\r\n\x1A\n"sv, "MNG"},
    Known{0, "\x8BJNG\r\n\x1A\n"sv, "JNG"},
    Known{0, "%PDF-"sv, "PDF"},
    Known{0, "<svg"sv, "SVG"},
    Known{0, "<?xml"sv, "XML or SVG"},
    Known{0, "P1\n"sv, "PBM"},
    Known{0, "P2\n"sv, "PGM"},
    Known{0, "P3\n"sv, "PPM"},
    Known{0, "P4\n"sv, "PBM"},
    Known{0, "P5\n"sv, "PGM"},
    Known{0, "P6\n"sv, "PPM"},
};

PictureFormat sniff(Bytes bytes, std::string_view name) {
  if (bytes.empty()) throw Error(Status::format, cat(name, ": is empty, a picture was expected"));
  if (stands_at(bytes, 0, "\xFF\xD8\xFF"sv)) return PictureFormat::jpeg;
  if (stands_at(bytes, 0, "\x89PNG\r\n\x1A\n"sv)) return PictureFormat::png;
  if (stands_at(bytes, 0, "GIF87a"sv) || stands_at(bytes, 0, "GIF89a"sv)) return PictureFormat::gif;
  if (stands_at(bytes, 0, "RIFF"sv) && stands_at(bytes, 8, "WEBP"sv)) return PictureFormat::webp;
  if (stands_at(bytes, 0, "BM"sv)) return PictureFormat::bmp;
  for (const auto& known : kNotRead) {
    if (stands_at(bytes, known.at, known.magic)) {
      throw Error(Status::unsupported,
                  cat(name, ": ", known.name, " is not read; JPEG, PNG, BMP, GIF or WebP expected"));
    }
  }
  throw Error(Status::format,
              cat(name, ": the first bytes are of no known picture format; JPEG, PNG, BMP, GIF or WebP expected"));
}

Source open(Bytes bytes, std::string_view name, const DecodeOptions& options) {
  if (std::cmp_greater(bytes.size(), options.max_bytes)) {
    throw Error(Status::limit, cat(name, ": ", bytes.size(), " bytes, at most ", options.max_bytes, " allowed"))
        .with("found", static_cast<int64_t>(bytes.size()))
        .with("allowed", options.max_bytes);
  }
  options.cancel.poll("picture decoding");
  return {bytes, name, sniff(bytes, name), options};
}

Header walk(const Source& source, Depth depth) {
  switch (source.format) {
    case PictureFormat::jpeg:
      return walk_jpeg(source, depth);
    case PictureFormat::png:
      return walk_png(source, depth);
    case PictureFormat::bmp:
      return walk_bmp(source);
    case PictureFormat::gif:
      return walk_gif(source);
    default:
      return walk_webp(source, depth);
  }
}

}  // namespace

Picture decode_picture(Bytes bytes, std::string_view name, const DecodeOptions& options) {
  const auto source = open(bytes, name, options);
  switch (source.format) {
    case PictureFormat::jpeg:
      return read_jpeg(source);
    case PictureFormat::png:
      return read_png(source);
    case PictureFormat::bmp:
      return read_bmp(source);
    case PictureFormat::gif:
      return read_gif(source);
    default:
      return read_webp(source);
  }
}

PictureInfo probe_picture(Bytes bytes, std::string_view name, const DecodeOptions& options) {
  const auto source = open(bytes, name, options);
  const auto header = walk(source, Depth::header);
  const bool on_its_side = options.apply_exif && header.orientation >= 5;
  return {static_cast<int32_t>(on_its_side ? header.height : header.width),
          static_cast<int32_t>(on_its_side ? header.width : header.height), source.format, header.orientation};
}

}  // namespace llava::core
