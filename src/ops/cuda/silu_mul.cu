// SwiGLU's product:  out = gate * sigmoid(gate) * up      (Shazeer 2020)
//
// One thread per element, 256 to a block: three streams of memory and a handful of operations. Float inside; silu is
// rounded to T before the product, as ATen's two kernels do.
// Agrees with silu_mul_reference() in ops/activations.cpp; tolerances in tests/ops/cuda_test.cpp.
#include "ops/cuda/element.cuh"

namespace llava::core::cuda {
namespace {

constexpr int kThreads = 256;

// out may be gate: each thread reads its element before it writes it
template <typename T>
__global__ void silu_mul_kernel(T* out, const T* gate, const T* __restrict__ up, int64_t count) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= count) return;
  const float x = widen(gate[i]);
  T silu;
  narrow(silu, x / (1.f + expf(-x)));
  narrow(out[i], widen(silu) * widen(up[i]));
}

}  // namespace

void silu_mul(Launch launch, void* out, const void* gate, const void* up, int64_t count) {
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>((count + kThreads - 1) / kThreads);
  with_element(launch.type, [&](auto element) {
    using T = decltype(element);
    silu_mul_kernel<T><<<blocks, kThreads, 0, static_cast<cudaStream_t>(launch.stream)>>>(
        static_cast<T*>(out), static_cast<const T*>(gate), static_cast<const T*>(up), count);
  });
  check_launch("silu_mul");
}

}  // namespace llava::core::cuda
