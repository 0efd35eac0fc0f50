// See the header: the sizes are compared with what is left before they are used.
#include "text/protobuf_wire.hpp"

#include <bit>

#include "base/error.hpp"

namespace llava::core {

void WireReader::fail(const std::string& what) const {
  throw Error(Status::format, cat(where_, ": ", what, " at byte ", offset()));
}

uint64_t WireReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at_ == bytes_.size()) fail("a number is cut off");
    const auto byte = static_cast<uint8_t>(bytes_[at_++]);
    if (shift == 63 && byte > 1) fail("a number does not fit 64 bits");
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  fail("a number is longer than ten bytes");
}

bool WireReader::next(WireField& field) {
  if (at_ == bytes_.size()) return false;
  const uint64_t key = varint();
  if (key >> 3 == 0 || key > 0xFFFFFFFFu) fail(cat("field number ", key >> 3));
  field = {static_cast<uint32_t>(key >> 3), static_cast<uint32_t>(key & 7), 0, {}};
  const size_t left = bytes_.size() - at_;
  switch (field.type) {
    case 0:
      field.value = varint();
      return true;
    case 1:
    case 5: {
      const size_t size = field.type == 1 ? 8 : 4;
      if (left < size) fail(cat("field ", field.number, " is cut off"));
      for (size_t i = 0; i < size; ++i)
        field.value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes_[at_ + i])) << (8 * i);
      at_ += size;
      return true;
    }
    case 2: {
      const uint64_t size = varint();
      const uint64_t rest = bytes_.size() - at_;
      if (size > rest) fail(cat("field ", field.number, " says ", size, " bytes, ", rest, " are left"));
      field.bytes = bytes_.substr(at_, size);
      at_ += size;
      return true;
    }
    case 3:
    case 4:
      fail(cat("field ", field.number, " is a group, which the format does not use"));
    default:
      fail(cat("field ", field.number, " has wire type ", field.type));
  }
}

void write_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void write_number(std::string& out, uint32_t field, uint64_t value) {
  write_varint(out, field << 3);
  write_varint(out, value);
}

void write_float(std::string& out, uint32_t field, float value) {
  write_varint(out, field << 3 | 5);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(bits >> (8 * i)));
}

void write_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  write_varint(out, field << 3 | 2);
  write_varint(out, bytes.size());
  out.append(bytes);
}

}  // namespace llava::core
