// The protobuf wire format, as much of it as a tokenizer.model uses: a reader that never recurses and never reads past
// its end, and a writer. Source: protobuf.dev, "Encoding".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llava::core {

/// One field as it stands in a message. `bytes` views the input; numbers of wire types 0, 1 and 5 are in `number`.
struct WireField {
  uint32_t number = 0;  // the field's own number in its message
  uint32_t type = 0;    // 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes
  uint64_t value = 0;
  std::string_view bytes;
};

/// Reads the fields of one message one after another.
class WireReader {
 public:
  /// `where` opens every message, e.g. "tokenizer.model: pieces[3]"; `base` is the offset of `bytes` in the file.
  WireReader(std::string_view bytes, std::string where, int64_t base)
      : bytes_(bytes), where_(std::move(where)), base_(base) {}

  /// False at the end. Throws Error(format) for a field that is cut, longer than what is left, a group (wire types 3
  /// and 4), an unknown wire type, field number 0, or a varint of more than ten bytes.
  bool next(WireField& field);

  /// Offset in the file of the next byte to read.
  int64_t offset() const { return base_ + static_cast<int64_t>(at_); }

 private:
  uint64_t varint();
  [[noreturn]] void fail(const std::string& what) const;

  std::string_view bytes_;
  std::string where_;
  int64_t base_;
  size_t at_ = 0;
};

void write_varint(std::string& out, uint64_t value);
void write_number(std::string& out, uint32_t field, uint64_t value);
void write_float(std::string& out, uint32_t field, float value);
void write_bytes(std::string& out, uint32_t field, std::string_view bytes);

}  // namespace llava::core
