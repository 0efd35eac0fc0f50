// One tag out of EXIF: orientation (TIFF 6.0, tag 274). The rest of EXIF is none of our business, and the less of it is
// parsed, the less can go wrong.
#include "image/exif.hpp"

#include <algorithm>

#include "base/limits.hpp"

namespace llava::core {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kByte = 1, kShort = 3, kLong = 4;  // TIFF field types

struct Tiff {
  std::span<const uint8_t> bytes;
  bool big_endian;

  bool has(size_t at, size_t count) const { return at <= bytes.size() && count <= bytes.size() - at; }

  uint32_t number(size_t at, size_t width) const {
    uint32_t value = 0;
    for (size_t i = 0; i < width; ++i) value = value << 8 | bytes[big_endian ? at + i : at + width - 1 - i];
    return value;
  }
};

int32_t orientation_of_entry(const Tiff& tiff, size_t entry) {
  const auto type = tiff.number(entry + 2, 2);
  if (tiff.number(entry + 4, 4) != 1) return 1;
  uint32_t value = 0;
  if (type == kByte) value = tiff.number(entry + 8, 1);
  if (type == kShort) value = tiff.number(entry + 8, 2);
  if (type == kLong) value = tiff.number(entry + 8, 4);
  return value >= 1 && value <= 8 ? static_cast<int32_t>(value) : 1;
}

}  // namespace

int32_t exif_orientation(std::span<const uint8_t> block) noexcept {
  constexpr uint8_t kMark[] = {'E', 'x', 'i', 'f', 0, 0};
  block = block.first(std::min<size_t>(block.size(), limits::kExifBytes));
  if (block.size() >= 6 && std::equal(kMark, kMark + 6, block.begin())) block = block.subspan(6);
  if (block.size() < 8 || block[0] != block[1] || (block[0] != 'I' && block[0] != 'M')) return 1;

  const Tiff tiff{block, block[0] == 'M'};
  if (tiff.number(2, 2) != 42) return 1;
  const size_t directory = tiff.number(4, 4);
  if (!tiff.has(directory, 2)) return 1;
  const auto count = std::min<size_t>(tiff.number(directory, 2), limits::kExifEntries);
  int32_t orientation = 1;
  for (size_t i = 0; i < count; ++i) {
    const auto entry = directory + 2 + i * 12;
    if (!tiff.has(entry, 12)) break;
    if (tiff.number(entry, 2) == kOrientationTag) orientation = orientation_of_entry(tiff, entry);
  }
  return orientation;
}

}  // namespace llava::core
