// The kernels for CPUs with AVX2, FMA and F16C.
#include "ops/cpu/vector_avx2.hpp"

// written on the Vector above
#include "ops/cpu/attention_kernel.hpp"
#include "ops/cpu/multiply.hpp"
#include "ops/cpu/pointwise.hpp"

namespace llava::core::cpu {

const Kernels& kernels_avx2() {
  static constexpr Kernels table = {
      dot,        gemm,     pack,     pack_blocks, kPanel, attention, attention_scratch, kPanels * kPanel, decode,
      quick_gelu, silu_mul, rms_norm, layer_norm,  rope,   read};
  return table;
}

}  // namespace llava::core::cpu
