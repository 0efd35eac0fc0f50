// Rotary position embedding in place, rotate-half:      (Su et al. 2021)
//   (a, b) = (x[i], x[i + K/2])  ->  (a cos_i - b sin_i, b cos_{i+K/2} + a sin_{i+K/2})
//
// One block per position, its threads over the pairs of all heads: cos and sin of the position are read once from
// memory and then from the cache. Float inside, rounded to T once. Agrees with rope_reference_() in ops/rope.cpp;
// tolerances in tests/ops/cuda_test.cpp.
#include "ops/cuda/element.cuh"

namespace llava::core::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T>
__global__ void rope_kernel(T* __restrict__ x, RopeShape shape,
                            const float* __restrict__ cos,    // [length, width]
                            const float* __restrict__ sin) {  // [length, width]
  const int64_t half = shape.width / 2;
  const float* cos_here = cos + blockIdx.x * shape.width;
  const float* sin_here = sin + blockIdx.x * shape.width;
  for (int64_t pair = threadIdx.x; pair < shape.heads * half; pair += kThreads) {
    const int64_t i = pair % half;
    T* head = x + blockIdx.x * shape.position_stride + pair / half * shape.head_stride;
    const float first = widen(head[i]), second = widen(head[i + half]);
    narrow(head[i], first * cos_here[i] - second * sin_here[i]);
    narrow(head[i + half], second * cos_here[i + half] + first * sin_here[i + half]);
  }
}

}  // namespace

void rope(Launch launch, void* x, RopeShape shape, const float* cos, const float* sin) {
  if (shape.length == 0 || shape.heads == 0 || shape.width == 0) return;
  with_element(launch.type, [&](auto element) {
    using T = decltype(element);
    rope_kernel<T><<<static_cast<unsigned>(shape.length), kThreads, 0, static_cast<cudaStream_t>(launch.stream)>>>(
        static_cast<T*>(x), shape, cos, sin);
  });
  check_launch("rope");
}

}  // namespace llava::core::cuda
