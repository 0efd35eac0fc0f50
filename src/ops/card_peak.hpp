// What cards can do at most, by their makers' data sheets: what model FLOPs utilisation (Chowdhery et al. 2022) is a share of.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

namespace llava::core {

/// Dense products a second, in 10^12 operations, of numbers of `type` with f32 sums (f32: without TF32, as LibTorch's
/// products are), on the card that the driver calls `name`; 0 where that is not known.
double card_peak_tflops(std::string_view name, at::ScalarType type);

}  // namespace llava::core
