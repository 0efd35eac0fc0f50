// The kernels for CPUs with AVX2, FMA and F16C.
#include "ops/cpu/vector_avx2.hpp"

// written on the Vector above
#include "ops/cpu/attention_kernel.hpp"
#include "ops/cpu/multiply.hpp"
#include "ops/cpu/pointwise.hpp"

// what their inputs get back
#include "ops/cpu/pointwise_gradients.hpp"

namespace llava::core::cpu {

const Kernels& kernels_avx2() {
  static constexpr Kernels table = {
      .dot = dot,
      .gemm = gemm,
      .pack = pack,
      .pack_blocks = pack_blocks,
      .pack_depth = kDepth,
      .dot_rows = 8,
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
