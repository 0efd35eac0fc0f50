// The orientation tag of an EXIF block. Internal to image/.
#pragma once

#include <cstdint>
#include <span>

namespace llava::core {

/// The orientation, 1 to 8, in the first directory of a TIFF block ("II*\0…" or "MM\0*…", with or without "Exif\0\0" in
/// front). Anything broken, absent or out of range is 1: a damaged note about a picture does not damage the picture.
/// At most 64 KiB and 256 entries are looked at; nothing is followed beyond the first directory.
int32_t exif_orientation(std::span<const uint8_t> block) noexcept;

}  // namespace llava::core
