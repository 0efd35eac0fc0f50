// What the kernels share: f32, f16 and bf16 elements read as float, the choice of the element type, and the check after
// a launch. Not a LibTorch header in sight.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "base/error.hpp"
#include "ops/cuda/launch.hpp"

namespace llava::core::cuda {

__device__ inline float widen(float x) { return x; }
__device__ inline float widen(__half x) { return __half2float(x); }
__device__ inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

__device__ inline void narrow(float& out, float x) { out = x; }
__device__ inline void narrow(__half& out, float x) { out = __float2half_rn(x); }
__device__ inline void narrow(__nv_bfloat16& out, float x) { out = __float2bfloat16_rn(x); }

/// Calls run with a value of the element type.
template <typename Run>
void with_element(Type type, Run&& run) {
  switch (type) {
    case Type::f32:
      return run(float{});
    case Type::f16:
      return run(__half{});
    case Type::bf16:
      return run(__nv_bfloat16{});
  }
}

/// Throws Error(device) when the launch before it failed.
inline void check_launch(const char* kernel) {
  const cudaError_t status = cudaGetLastError();
  if (status != cudaSuccess) throw Error(Status::device, cat("CUDA: ", kernel, ": ", cudaGetErrorString(status)));
}

}  // namespace llava::core::cuda
