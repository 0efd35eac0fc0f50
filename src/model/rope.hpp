// Rotary position tables (Su et al. 2021) with the stretching rules checkpoints name in rope_scaling.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/config.hpp"

namespace llava::core {

struct RopeTable {
  at::Tensor cos_LK;  // f32, [L, K]: both halves of a head hold the same angles (rotate-half layout)
  at::Tensor sin_LK;
};

/// Angles of positions `past` … `past + length - 1` for heads of `language.head_width`.
/// Source of the rules: transformers v4.57, modeling_rope_utils (linear, dynamic NTK, llama3); angles are computed in
/// f32 in the same order, so that they are equal bit for bit.
RopeTable rope_table(const LanguageConfig& language, int64_t past, int64_t length, at::Device device);

}  // namespace llava::core
