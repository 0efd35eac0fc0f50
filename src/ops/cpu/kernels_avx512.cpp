// The kernels for CPUs with AVX-512 F, BW, VL and DQ.
// g++ 12 takes the _mm512_undefined_*() inside its own intrinsics for a mistake of ours
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "ops/cpu/vector_avx512.hpp"

// written on the Vector above
#include "ops/cpu/attention_kernel.hpp"
#include "ops/cpu/multiply.hpp"
#include "ops/cpu/pointwise.hpp"

namespace llava::core::cpu {

const Kernels& kernels_avx512() {
  static constexpr Kernels table = {
      dot,        gemm,     pack,     pack_blocks, kPanel, attention, attention_scratch, kPanels * kPanel, decode,
      quick_gelu, silu_mul, rms_norm, layer_norm,  rope,   read};
  return table;
}

}  // namespace llava::core::cpu
