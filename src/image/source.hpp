// What the readers of all formats share: the bytes with their name and limits, a cursor that cannot leave them, and the
// place rows are put. Internal to image/.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "image/decode.hpp"

namespace llava::core {

/// How far a container is walked: to the size and orientation, or to its end with all checks.
enum class Depth { header, whole };

/// The result of walking a container.
struct Header {
  int64_t width = 0, height = 0;  // as stored, before orientation
  int32_t orientation = 1;
};

struct Source {
  std::span<const uint8_t> bytes;
  std::string_view name;
  PictureFormat format;
  const DecodeOptions& options;

  /// Throws Error(status, "cat.png: PNG: <pieces>").
  template <typename... Pieces>
  [[noreturn]] void refuse(Status status, const Pieces&... pieces) const {
    throw_error(status, cat(pieces...));
  }

  /// Refuses empty pictures (format), and sides or areas beyond the limits (limit).
  void check_size(int64_t width, int64_t height, int64_t max_side = limits::kPictureSide) const;

 private:
  [[noreturn]] void throw_error(Status status, const std::string& text) const;
};

/// Reads forward; every read names what it is reading, and refuses the file when that is cut off.
class ByteReader {
 public:
  explicit ByteReader(const Source& source, size_t at = 0) : source_(source), at_(at) {}

  size_t position() const { return at_; }
  size_t left() const { return at_ < source_.bytes.size() ? source_.bytes.size() - at_ : 0; }

  std::span<const uint8_t> take(size_t count, const char* what);
  void skip(size_t count, const char* what) { take(count, what); }
  uint8_t u8(const char* what) { return take(1, what)[0]; }
  uint32_t be16(const char* what);
  uint32_t be32(const char* what);
  uint32_t le16(const char* what);
  uint32_t le32(const char* what);

 private:
  const Source& source_;
  size_t at_;
};

/// Collects rows, in any order, into a Picture, turning it as its orientation asks. Memory grows with the rows that
/// arrive, so a file that promises much and holds little costs little (where the orientation allows it).
class RowSink {
 public:
  RowSink(const Source& source, const Header& header);

  /// `rgb` holds `count` pixels, which belong at (first + i * stride, row) of the stored picture. Polls the cancel
  /// token.
  void put(int64_t row, const uint8_t* rgb, int64_t count, int64_t first = 0, int64_t stride = 1);

  /// Paints the whole picture; for pictures whose rows do not cover it.
  void fill(uint8_t red, uint8_t green, uint8_t blue);

  Picture take();

 private:
  const Source& source_;
  Header header_;
  int32_t turn_;  // the orientation that is applied
  Picture picture_;
};

}  // namespace llava::core
