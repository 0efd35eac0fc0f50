// The hand-written CUDA kernels, as host functions on pointers, sizes and a stream: no LibTorch type crosses this line.
//
// NOT MEASURED YET: no graphics card was at hand when they were written, so ops/ takes ATen's own CUDA kernels unless
// the environment says LLAVA_CUDA_KERNELS=1. tests/ops compares both wherever a device is present; a measured gain in
// tests/bench/README.md is what would make them the default.
//
// A build without CUDA links no_cuda.cpp: has_cuda() is false there and ops/ never comes near the rest.
#pragma once

#include <cstdint>
#include <string>

namespace llava::core::cuda {

/// Whether this build holds the kernels (not whether a device is present).
bool has_cuda() noexcept;

/// How many devices can be used now; 0 without a driver.
int device_count() noexcept;

struct DeviceMemory {
  std::string name;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
};

/// `index` < device_count(). Throws Error(device) when the driver does not answer.
DeviceMemory device_memory(int index);

}  // namespace llava::core::cuda
