// The kernels for CPUs with AVX-512 F, BW, VL and DQ.
// g++ 12 takes the _mm512_undefined_*() inside its own intrinsics for a mistake of ours
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "ops/cpu/vector_avx512.hpp"

// written on the Vector above
#include "ops/cpu/attention_kernel.hpp"
#include "ops/cpu/multiply.hpp"
#include "ops/cpu/pointwise.hpp"

// what their inputs get back
#include "ops/cpu/pointwise_gradients.hpp"

namespace llava::core::cpu {

const Kernels& kernels_avx512() {
  static constexpr Kernels table = {
      .dot = dot,
      .gemm = gemm,
      .pack = pack,
      .pack_blocks = pack_blocks,
      .pack_depth = kDepth,
      .dot_rows = 16,
      .panel = kPanel,
      .attention = attention,
      .attention_scratch = attention_scratch,
      .attention_queries = kPanels * kPanel,
      .decode = decode,
      .quick_gelu = quick_gelu,
      .silu_mul = silu_mul,
      .rms_norm = rms_norm,
      .silu_mul_gradient = silu_mul_gradient,
      .rms_norm_gradient = rms_norm_gradient,
      .exponentials = exponentials,
      .scale = scale,
      .rope = rope,
      .read = read,
  };
  return table;
}

}  // namespace llava::core::cpu
