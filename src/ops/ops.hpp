// Every operation of the model. This folder is the only place that knows the device: each op is a plain ATen reference
// (ops/reference.hpp) and, where one was measured to be faster, a kernel chosen at run time.
//
// On the CPU activations are f32 whatever the weights are; on CUDA they have the model's dtype. Inputs are not changed
// unless a name ends in `_`; results are new and contiguous. Empty inputs give empty results. Wrong shapes are a defect
// of the caller: Error(internal). The ops use as many threads as at::get_num_threads() says and never change it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "ops/weight.hpp"

namespace llava::core {

/// x times the transposed weight, plus bias.
///
///   x        [..., in]
///   weight   [out, in]; f32, bf16 or f16, read as it is stored
///   bias     [out], or undefined
///   returns  [..., out]
///
/// CPU: products and sums are f32 from exactly expanded weights: a bf16 weight gives what its f32 copy would.
at::Tensor linear(const at::Tensor& x, const Weight& weight, const at::Tensor& bias = {});

/// Rows of a table.
///
///   ids_L    int64, on the table's device; the caller has checked 0 <= id < rows
///   returns  [L, columns]; f32 on the CPU, the table's dtype on CUDA
at::Tensor embedding(const at::Tensor& ids_L, const Weight& table_VD);

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension; the sum is f32, the cast to x's dtype comes before the
/// product with the weight, as in the reference implementation.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double eps);

/// (x - mean) / sqrt(variance + eps) * weight + bias over the last dimension.
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps);

/// x * sigmoid(1.702 x): CLIP's.
at::Tensor quick_gelu(const at::Tensor& x);

/// x * (1 + erf(x / sqrt 2)) / 2: the projector's. Written with erf: at::gelu is not safe when memory runs out.
at::Tensor gelu(const at::Tensor& x);

/// The tanh approximation of GELU: SigLIP's.
at::Tensor gelu_tanh(const at::Tensor& x);

/// silu(gate) * up, where silu(x) = x * sigmoid(x). The result may be `gate` itself, overwritten: do not use it
/// afterwards.
at::Tensor silu_mul(at::Tensor gate, const at::Tensor& up);

/// Rotary position embedding in place, rotate-half layout: element i is paired with i + K/2.
///
///   q_LHK, k_LGK  changed; the elements of a head adjacent
///   cos_LK, sin_LK  one row per position, both halves filled (the angles repeat); f32
void rope_(at::Tensor& q_LHK, at::Tensor& k_LGK, const at::Tensor& cos_LK, const at::Tensor& sin_LK);

/// Scaled dot-product attention of one sequence, with grouped keys (head h reads group h * G / H).
///
///   q_LHK    queries; row i stands at position past + i
///   k_SGK, v_SGK  keys and values, bf16, f16 or f32 (CPU: whatever the queries are); H is a multiple of G
///   past     how many keys come before the first query
///   causal   query i sees the keys 0 .. past + i, else all S; S >= past + L
///   window   causal: and of those only the last `window` (Mistral's sliding window); 0 = all
///   returns  [L, H, K]
///
/// Softmax in f32. The CPU needs memory in proportion to L, not to L * S.
at::Tensor attention(const at::Tensor& q_LHK, const at::Tensor& k_SGK, const at::Tensor& v_SGK, int64_t past,
                     bool causal, double scale, int64_t window = 0);

/// The same for N pictures that do not see each other, every patch seeing all patches of its picture.
///
///   q_NPHK, k_NPGK, v_NPGK -> [N, P, H, K]
at::Tensor attention_batched(const at::Tensor& q_NPHK, const at::Tensor& k_NPGK, const at::Tensor& v_NPGK,
                             double scale);

/// Pictures cut into squares, row by row, each one flattened like a row of the convolution weight [C, 3, patch, patch]:
/// patch embedding is linear() of this. (at::conv2d is not safe when memory runs out.)
///
///   pixels   [N, channels, height, width]; what is left over at the right and the bottom is not used
///   returns  [N, P, channels * patch * patch]
at::Tensor patches(const at::Tensor& pixels, int64_t patch);

}  // namespace llava::core
