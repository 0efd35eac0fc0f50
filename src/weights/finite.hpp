// A look for NaN and infinity: they are legal values of the format, and a model that holds one answers nonsense.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/cancel.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

/// Reads every element of the f16, bf16, f32 and f64 tensors once.
///
/// Throws Error(format) for the first that is not finite, with file, tensor, index and value; Error(cancelled |
/// timeout), looked at every 4 MiB. `progress` may throw to stop.
void check_finite(
    const TensorMap& map, const Cancel& cancel = {},
    const std::function<void(int64_t done_bytes, int64_t total_bytes, std::string_view file)>& progress = {});

}  // namespace llava::core
