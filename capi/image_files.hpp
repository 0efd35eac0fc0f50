// Bytes of pictures: from a file, from the caller's memory, and pixels back to the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "image/picture.hpp"
#include "image/raw_pixels.hpp"

namespace llava::capi {

/// A regular file's bytes. Throws Error(not_found, io, limit, format for an empty one).
std::vector<uint8_t> read_picture_file(const std::string& path, int64_t max_bytes);

/// Throws Error(argument) for NULL or size 0.
std::span<const uint8_t> byte_argument(const void* bytes, size_t size);

/// Writes the picture's pixels in another layout, rows without gaps; the fourth byte is 255.
void write_pixels(const core::Picture& picture, core::PixelFormat format, uint8_t* to);

/// The picture as "data:image/bmp;base64,…": exact, and read by every browser.
std::string bmp_data_uri(const core::Picture& picture);

}  // namespace llava::capi
