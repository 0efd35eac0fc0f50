// A text on its way through normalizers, and for each of its bytes where in the original it came from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

/// Bytes [begin, end) of a text.
struct TextRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

class AlignedText {
 public:
  /// The original's own bytes, beginning at `first` there.
  static AlignedText original(std::string_view bytes, uint32_t first = 0);

  AlignedText() = default;

  const std::string& text() const { return text_; }
  size_t size() const { return text_.size(); }

  /// Where in the original the byte at `at` <= size() came from. Never falls from one byte to the next; bytes that were
  /// put in have the place of what follows them, the bytes of one replacement have its begin.
  uint32_t origin(size_t at) const { return origins_.empty() ? first_ + static_cast<uint32_t>(at) : origins_[at]; }

  AlignedText slice(uint32_t begin, uint32_t end) const;

  // Building another text from this one, front to back; finish() comes last.
  void reserve(size_t bytes);
  void keep(const AlignedText& from, uint32_t begin, uint32_t end);
  void put(std::string_view bytes, uint32_t origin);
  void finish(uint32_t end);

 private:
  std::string text_;
  std::vector<uint32_t> origins_;  // size() + 1 of them, or empty: byte i came from first_ + i
  uint32_t first_ = 0;
};

}  // namespace llava::core
