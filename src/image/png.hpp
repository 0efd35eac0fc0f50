// What the chunk walk of a PNG hands to the pixel reader. Internal to image/.
#pragma once

#include <array>

#include "image/source.hpp"

namespace llava::core {

enum class PngColour : uint8_t { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgba = 6 };

struct PngLayout {
  Header header;
  PngColour colour = PngColour::grey;
  int depth = 8;  // bits a sample: 1, 2, 4, 8 or 16
  bool interlaced = false;
  std::array<uint8_t, 256 * 3> palette{};  // places beyond PLTE are black, as in Pillow
  size_t first_data = 0;                   // where the first IDAT chunk begins; the others follow it directly

  int samples() const {
    switch (colour) {
      case PngColour::grey_alpha:
        return 2;
      case PngColour::rgb:
        return 3;
      case PngColour::rgba:
        return 4;
      default:
        return 1;
    }
  }
  int64_t row_bytes(int64_t width) const { return (width * samples() * depth + 7) / 8; }
};

/// Checks every chunk: place, length, CRC, and that IEND is reached. Depth::header stops at the first IDAT, without
/// CRCs.
PngLayout walk_png_chunks(const Source& source, Depth depth);

}  // namespace llava::core
