// RMSNorm forward:  out = x / sqrt(mean(x^2) + eps) * w      (Zhang & Sennrich 2019)
//
// One block per row, 256 threads: 4096 bf16 are 8 KiB, read twice, the second time from the first-level cache. The sum
// is float whatever T is: in bf16, 256 + 1 is 256. The product with w is of numbers rounded to T, as in the reference.
// Agrees with rms_norm_reference() in ops/rms_norm.cpp; tolerances in tests/ops/cuda_test.cpp.
#include "ops/cuda/element.cuh"

namespace llava::core::cuda {
namespace {

constexpr int kThreads = 256;

// The sum over the block, in every thread.
__device__ float block_sum(float value) {
  __shared__ float of_warp[kThreads / 32];
  for (int apart = 16; apart > 0; apart /= 2) value += __shfl_xor_sync(0xffffffffu, value, apart);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
  for (int warp = 0; warp < kThreads / 32; ++warp) sum += of_warp[warp];
  return sum;
}

template <typename T>
__global__ void rms_norm_kernel(T* __restrict__ out,      // [rows, width]
                                const T* __restrict__ x,  // [rows, width]
                                const T* __restrict__ w,  // [width]
                                int64_t width, float eps) {
  const T* row = x + blockIdx.x * width;
  float squares = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    const float part = widen(row[i]);
    squares += part * part;
  }
  const float scale = rsqrtf(block_sum(squares) / static_cast<float>(width) + eps);
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    T rounded;
    narrow(rounded, widen(row[i]) * scale);
    narrow(out[blockIdx.x * width + i], widen(rounded) * widen(w[i]));
  }
}

}  // namespace

void rms_norm(Launch launch, void* out, const void* x, const void* weight, int64_t rows, int64_t width, float eps) {
  if (rows == 0 || width == 0) return;
  with_element(launch.type, [&](auto element) {
    using T = decltype(element);
    rms_norm_kernel<T><<<static_cast<unsigned>(rows), kThreads, 0, static_cast<cudaStream_t>(launch.stream)>>>(
        static_cast<T*>(out), static_cast<const T*>(x), static_cast<const T*>(weight), width, eps);
  });
  check_launch("rms_norm");
}

}  // namespace llava::core::cuda
