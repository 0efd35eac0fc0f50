// The plain ATen version of each op that also has a kernel: what runs where no kernel fits (CUDA, gradients wanted,
// CPUs without AVX2, LLAVA_CPU_ISA=reference), and what the tests compare the kernels with. Contracts: ops/ops.hpp.
#pragma once

#include "ops/ops.hpp"

namespace llava::core {

at::Tensor linear_reference(const at::Tensor& x, const Weight& weight, const at::Tensor& bias);
at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight_D, double eps);
at::Tensor quick_gelu_reference(const at::Tensor& x);
at::Tensor silu_mul_reference(const at::Tensor& gate, const at::Tensor& up);
void rope_reference_(at::Tensor& q_LHK, at::Tensor& k_LGK, const at::Tensor& cos_LK, const at::Tensor& sin_LK);
at::Tensor attention_reference(const at::Tensor& q_NLHK, const at::Tensor& k_NSGK, const at::Tensor& v_NSGK,
                               int64_t past, bool causal, double scale, int64_t window);

}  // namespace llava::core
