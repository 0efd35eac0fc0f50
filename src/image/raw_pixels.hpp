// Pictures from the caller's memory: a camera buffer, a bitmap of a toolkit, a numpy array.
#pragma once

#include <cstdint>

#include "image/decode.hpp"
#include "image/picture.hpp"

namespace llava::core {

/// Names give the order of bytes in memory. Alpha and the fourth byte of rgbx32 are dropped.
enum class PixelFormat : int32_t { gray8 = 0, rgb24 = 1, bgr24 = 2, rgba32 = 3, bgra32 = 4, argb32 = 5, rgbx32 = 6 };

/// Bytes of one pixel, 1 to 4; Error(argument) for a number outside the list.
int64_t pixel_bytes(PixelFormat format);

/// Copies `height` rows of `width` pixels.
///
///   pixels        the first byte of the *top* row; row y begins at pixels + y * stride_bytes
///   stride_bytes  negative for bottom-up memory, where the top row lies last (as in numpy and GDI+); 0 = rows without
///   gaps options       only the limits and the cancel token are used
///
/// Throws Error(argument) for a null pointer, sizes below 1, a stride shorter than a row or a total that overflows;
/// Error(limit) for sides or areas beyond the limits.
Picture picture_from_pixels(const void* pixels, int64_t width, int64_t height, int64_t stride_bytes, PixelFormat format,
                            const DecodeOptions& options = {});

}  // namespace llava::core
