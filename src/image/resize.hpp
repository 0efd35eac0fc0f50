// Resampling that gives Pillow's bytes: the vision encoder was trained on Pillow's pixels, and other filters of the
// same name (other a, no antialiasing, float rounding) are visible in the answers.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"

namespace llava::core {

/// Pillow's numbers, as they stand under "resample" in preprocessor_config.json.
enum class Resample : int32_t { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5 };

/// RGB pixels on a larger ground of one colour. The ground is never made: a 1 x 65535 picture padded to a square would
/// take 12.9 GB. Without padding: ground_width = width, ground_height = height, left = top = 0.
struct Canvas {
  std::span<const uint8_t> rgb;  // [height, width, 3]
  int64_t width = 0, height = 0;
  int64_t ground_width = 0, ground_height = 0;
  int64_t left = 0, top = 0;  // where the picture lies on the ground
  std::array<uint8_t, 3> ground{};
};

Canvas canvas_of(std::span<const uint8_t> rgb, int64_t width, int64_t height);

/// A part of the target; only what lies in it is computed.
struct Window {
  int64_t x = 0, y = 0, width = 0, height = 0;
};

/// The part `window` of the canvas resized to target_width x target_height, bit-equal to Pillow's Image.resize.
///
///   returns  [window.height, window.width, 3]
///
/// Time and memory go with (rows of the picture) x (columns of the window), whatever the ground. `window` must lie
/// inside the target, and sizes be positive: the caller has checked them. Throws Error(cancelled or timeout).
///
/// Antialiased filters run in two passes from 22-bit fixed-point weights, each rounded to bytes: horizontal first,
/// except where the height shrinks by more than twice what the width does (Pillow 13; earlier versions always go
/// horizontal first, which differs in the last bit for pictures more than twice as tall as wide). A direction that
/// keeps its size is left alone. Source: Pillow 13.0, src/libImaging/Resample.c and Geometry.c.
std::vector<uint8_t> resize(const Canvas& canvas, int64_t target_width, int64_t target_height, Resample filter,
                            const Window& window, const Cancel& cancel = {});

}  // namespace llava::core
