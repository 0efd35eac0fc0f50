// Where image vectors enter the text.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "ops/weight.hpp"

namespace llava::core {

inline constexpr int64_t kImagePlace = -200;  // IMAGE_TOKEN_INDEX of the original

/// Throws Error(argument) unless every id is kImagePlace or lies in 0 .. vocabulary - 1, and there are as many places as
/// pictures; `what` they belong to: "the prompt", "a sample".
void check_places(std::span<const int64_t> ids_L, int64_t vocabulary, size_t pictures, const char* what);

/// Puts image features where the prompt left a place for them.
///
///   ids_L     kImagePlace marks a place
///   features  one [P, D] tensor per place, in reading order; P may differ from image to image
///   table_VD  the token embeddings
///   returns   [L - n + sum of P, D] for n places, in `dtype` on the table's device
///
/// Throws Error(argument) unless there is exactly one image per place, of width D, and every id lies in the table.
/// Source: LLaVA c121f04, llava/model/llava_arch.py:229-271.
at::Tensor splice(std::span<const int64_t> ids_L, const std::vector<at::Tensor>& features, const Weight& table_VD,
                  at::ScalarType dtype);

}  // namespace llava::core
