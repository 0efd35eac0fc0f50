// The door through which foreign picture files come in. The format is told from the first bytes, never from a name; the
// container is walked by our own code, sizes are compared with the limits, and only then is a pixel decoded.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/cancel.hpp"
#include "base/limits.hpp"
#include "image/picture.hpp"

namespace llava::core {

struct DecodeOptions {
  bool apply_exif = true;
  int64_t max_pixels = limits::kPicturePixels;
  int64_t max_bytes = limits::kPictureBytes;
  Cancel cancel;
};

/// Decodes JPEG, PNG, BMP, frame 0 of a GIF, and still WebP where libwebp was built in.
///
///   bytes  the whole file; not kept
///   name   stands in messages: "cat.jpg", or "picture" where there is no name
///
/// The pixels equal Pillow's `ImageOps.exif_transpose(Image.open(f)).convert("RGB")`, except that 16-bit grey keeps its
/// upper eight bits (Pillow clips, which turns nearly all of it white), and that orientation is read from EXIF alone, not
/// from XMP. Alpha is dropped, ICC and gamma are not applied. Stricter than Pillow: any warning of libjpeg, a PNG without
/// IEND or with a wrong checksum, a GIF frame outside its screen are errors; run-length coded BMP is not read.
///
/// Throws Error: format (no picture, damaged, cut off), unsupported (a known format or variant that is not read,
/// named), limit (bytes, sides or pixels; from the header, before anything in proportion is allocated), cancelled,
/// timeout, out_of_memory. Memory: 3 bytes a pixel for the result; up to 8 more while a progressive JPEG is put
/// together, up to 4 more for WebP. The cancel token is looked at on every row.
Picture decode_picture(std::span<const uint8_t> bytes, std::string_view name, const DecodeOptions& options = {});

/// Size, format and orientation from the header alone; same limits, same errors as far as the header shows them.
PictureInfo probe_picture(std::span<const uint8_t> bytes, std::string_view name, const DecodeOptions& options = {});

}  // namespace llava::core
