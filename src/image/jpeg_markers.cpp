// Walks a JPEG from marker to marker before libjpeg sees it: tables that overflow, sizes beyond the limits, variants
// that are not read, floods of scans and files without an end are refused here, each by its own message.
#include <array>
#include <cstring>

#include "image/codecs.hpp"
#include "image/exif.hpp"

namespace llava::core {
namespace {

constexpr int64_t kJpegSide = 65500;  // libjpeg's own bound, JPEG_MAX_DIMENSION

class MarkerWalk {
 public:
  MarkerWalk(const Source& source, Depth depth) : source_(source), depth_(depth), in_(source) {}

  Header walk() {
    in_.skip(2, "the start mark");
    while (step(next_marker())) {
    }
    return header_;
  }

 private:
  /// Skips to the next FF xx that is a marker; bytes between segments are tolerated, as libjpeg and Pillow do.
  uint8_t next_marker() {
    for (;;) {
      const auto rest = source_.bytes.subspan(in_.position());
      const void* found = rest.empty() ? nullptr : std::memchr(rest.data(), 0xFF, rest.size());
      if (found == nullptr) source_.refuse(Status::format, "the file is cut off: no end mark");
      in_.skip(static_cast<size_t>(static_cast<const uint8_t*>(found) - rest.data()), "a marker");
      uint8_t code = 0xFF;
      while (code == 0xFF) {
        if (in_.left() == 0) source_.refuse(Status::format, "the file is cut off: no end mark");
        code = in_.u8("a marker");
      }
      if (code != 0) return code;
    }
  }

  /// One marker and its segment; false at the end of the walk.
  bool step(uint8_t code) {
    if (code == 0x01 || (code >= 0xD0 && code <= 0xD7)) return true;  // TEM and restart marks stand alone
    if (code == 0xD8) source_.refuse(Status::format, "a second start mark at byte ", in_.position() - 2);
    if (code == 0xD9) {
      if (scans_ == 0) source_.refuse(Status::format, "the end mark comes before any picture data");
      return false;
    }
    const auto length = in_.be16("a segment length");
    if (length < 2)
      source_.refuse(Status::format, "segment ", hex(code), " has length ", length, ", at least 2 expected");
    const auto body = in_.take(length - 2, "a segment");
    if (code == 0xC4) return huffman_tables(body), true;
    if (code == 0xDB) return quantisation_tables(body), true;
    if (code == 0xDA) return scan(body);
    if (code >= 0xC0 && code <= 0xCF && code != 0xCC) return frame(code, body), true;
    if (code == 0xDD && body.size() != 2)
      source_.refuse(Status::format, "a restart interval of ", body.size(), " bytes, 2 expected");
    if (code == 0xE1) exif(body);
    return true;
  }

  static std::string hex(uint8_t code) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    return cat("FF", kDigits[code >> 4], kDigits[code & 15]);
  }

  void exif(std::span<const uint8_t> body) {
    if (exif_seen_ || body.size() < 6 || std::memcmp(body.data(), "Exif\0\0", 6) != 0) return;
    exif_seen_ = true;
    header_.orientation = exif_orientation(body);
  }

  void huffman_tables(std::span<const uint8_t> body) {
    while (!body.empty()) {
      if (body.size() < 17) source_.refuse(Status::format, "a Huffman table is cut off");
      if ((body[0] & 0x0F) > 3 || body[0] > 0x1F) {
        source_.refuse(Status::format, "Huffman table class and index are ", int{body[0]}, ", index 0 to 3 expected");
      }
      size_t symbols = 0;
      for (size_t i = 1; i <= 16; ++i) symbols += body[i];
      if (symbols > 256)
        source_.refuse(Status::format, "a Huffman table of ", symbols, " symbols, at most 256 allowed");
      if (symbols > body.size() - 17) {
        source_.refuse(Status::format, "a Huffman table of ", symbols, " symbols, ", body.size() - 17, " are there");
      }
      body = body.subspan(17 + symbols);
    }
  }

  void quantisation_tables(std::span<const uint8_t> body) {
    while (!body.empty()) {
      const size_t bytes = body[0] >> 4 ? 129 : 65;
      if ((body[0] & 0x0F) > 3 || body[0] > 0x1F) {
        source_.refuse(Status::format, "quantisation table precision and index are ", int{body[0]},
                       ", index 0 to 3 expected");
      }
      if (body.size() < bytes) source_.refuse(Status::format, "a quantisation table is cut off");
      body = body.subspan(bytes);
    }
  }

  void frame(uint8_t code, std::span<const uint8_t> body) {
    if (code > 0xC2) {
      const char* kind = code == 0xC3 ? "lossless" : code >= 0xC9 ? "arithmetic" : "hierarchical";
      source_.refuse(Status::unsupported, kind, " coding is not read; baseline or progressive expected");
    }
    if (components_ != 0) source_.refuse(Status::format, "a second frame header");
    if (body.size() < 6) source_.refuse(Status::format, "the frame header is cut off");
    const auto precision = int{body[0]};
    if (precision == 12 || precision == 16)
      source_.refuse(Status::unsupported, precision, " bits a sample are not read; 8 expected");
    if (precision != 8) source_.refuse(Status::format, precision, " bits a sample, 8 expected");
    header_.height = body[1] << 8 | body[2];
    header_.width = body[3] << 8 | body[4];
    source_.check_size(header_.width, header_.height, kJpegSide);
    components_ = body[5];
    if (components_ != 1 && components_ != 3 && components_ != 4) {
      source_.refuse(Status::format, components_, " colour components, 1, 3 or 4 expected");
    }
    if (body.size() != 6 + components_ * 3u) {
      source_.refuse(Status::format, "a frame header of ", body.size(), " bytes for ", components_, " components");
    }
    for (size_t i = 0; i < components_; ++i) component(body.subspan(6 + i * 3, 3));
  }

  void component(std::span<const uint8_t> entry) {
    const int horizontal = entry[1] >> 4, vertical = entry[1] & 15;
    if (horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4) {
      source_.refuse(Status::format, "sampling factors ", horizontal, " x ", vertical, ", 1 to 4 expected");
    }
    if (entry[2] > 3) source_.refuse(Status::format, "quantisation table index ", int{entry[2]}, ", 0 to 3 expected");
  }

  bool scan(std::span<const uint8_t> body) {
    if (components_ == 0) source_.refuse(Status::format, "a scan comes before the frame header");
    if (depth_ == Depth::header) return false;
    const size_t count = body.empty() ? 0 : body[0];
    if (count < 1 || count > components_)
      source_.refuse(Status::format, "a scan of ", count, " components, 1 to ", components_, " expected");
    if (body.size() != 4 + count * 2)
      source_.refuse(Status::format, "a scan header of ", body.size(), " bytes for ", count, " components");
    for (size_t i = 0; i < count; ++i) {
      const auto tables = body[2 + i * 2];
      if ((tables >> 4) > 3 || (tables & 15) > 3)
        source_.refuse(Status::format, "a scan uses Huffman table ", int{tables}, ", index 0 to 3 expected");
    }
    if (++scans_ > limits::kJpegScans) {
      throw Error(Status::limit, cat(source_.name, ": JPEG: more than ", limits::kJpegScans, " scans"))
          .with("allowed", limits::kJpegScans);
    }
    return true;  // next_marker() passes over the coded data: FF 00 is no marker
  }

  const Source& source_;
  Depth depth_;
  ByteReader in_;
  Header header_;
  size_t components_ = 0;
  int64_t scans_ = 0;
  bool exif_seen_ = false;
};

}  // namespace

Header walk_jpeg(const Source& source, Depth depth) { return MarkerWalk(source, depth).walk(); }

}  // namespace llava::core
