// Attention on the CPU: how one call is cut into jobs of the kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/cpu/kernels.hpp"

namespace llava::core::cpu {

/// Shapes as in ops/attention.cpp, checked there: q_NLHK f32, k_NSGK and v_NSGK f32, bf16 or f16; not empty.
at::Tensor attention(const Kernels& kernels, const at::Tensor& q_NLHK, const at::Tensor& k_NSGK,
                     const at::Tensor& v_NSGK, int64_t past, bool causal, double scale, int64_t window);

}  // namespace llava::core::cpu
