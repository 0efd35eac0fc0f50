// A decoded picture: plain RGB bytes, top row first. What every decoder of this folder produces, and what preprocessing
// starts from.
#pragma once

#include <cstdint>
#include <vector>

namespace llava::core {

enum class PictureFormat : int32_t { raw = 0, jpeg = 1, png = 2, bmp = 3, gif = 4, webp = 5 };

/// "JPEG", "PNG", … as they stand in messages.
const char* picture_format_name(PictureFormat format) noexcept;

struct Picture {
  int32_t width = 0, height = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3], EXIF orientation applied where that was asked for
  PictureFormat format = PictureFormat::raw;
  int32_t orientation = 1;  // the EXIF value found in the file, 1 to 8; 1 where there is none
};

/// What the header says. width and height are those decode_picture() would give with the same options.
struct PictureInfo {
  int32_t width = 0, height = 0;
  PictureFormat format = PictureFormat::raw;
  int32_t orientation = 1;
};

}  // namespace llava::core
