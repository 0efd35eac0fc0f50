// The hand-written CUDA kernels, as host functions on pointers, sizes and a stream: no LibTorch type crosses this line.
//
// NOT RUN YET: no graphics card was at hand when they were written, so ops/ takes ATen's own CUDA kernels unless the
// environment says LLAVA_CUDA_KERNELS=1. tests/ops compares both wherever a device is present; a measured gain in
// tests/bench/README.md is what would make them the default. The exception is keyed_dropout(): ATen has none whose mask is
// a function of a place, and the same in its integer arithmetic (ops/gradient_reference) goes over memory a hundred times.
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

/// What LibTorch's allocator has of a card for this process, in bytes.
struct DeviceUse {
  int64_t allocated = 0, peak_allocated = 0;  // in tensors, now and at most so far
  int64_t reserved = 0;                       // taken from the driver
};
DeviceUse device_use(int index);

/// Whether the environment asked for the kernels below (LLAVA_CUDA_KERNELS=1, read once) and this build holds them.
bool kernels_wanted() noexcept;

/// For tests and benches: the kernels on or off for as long as this lives, in the whole process.
class ForcedKernels {
 public:
  explicit ForcedKernels(bool on) noexcept;
  ~ForcedKernels();
  ForcedKernels(const ForcedKernels&) = delete;
  ForcedKernels& operator=(const ForcedKernels&) = delete;

 private:
  int before_;
};

/// The stream on which ATen works on this device now: a cudaStream_t.
void* current_stream(int index);

enum class Type { f32, f16, bf16 };

/// Work on one device: pointers of one element type, a stream of the current device (a cudaStream_t).
struct Launch {
  Type type;
  void* stream;
};

// Each enqueues one kernel and returns; Error(device) when it cannot be launched. Nothing overlaps unless it says so.

/// out[r][d] = x[r][d] / sqrt(mean(x[r]^2) + eps) * weight[d]
void rms_norm(Launch launch, void* out, const void* x, const void* weight, int64_t rows, int64_t width, float eps);

/// out = silu(gate) * up; `out` may be `gate`.
void silu_mul(Launch launch, void* out, const void* gate, const void* up, int64_t count);

/// Heads of `length` positions turned in place, rotate-half; strides in elements, cos and sin f32 [length, width].
struct RopeShape {
  int64_t length, heads, width;
  int64_t position_stride, head_stride;
};
void rope(Launch launch, void* x, RopeShape shape, const float* cos, const float* sin);

/// out[i] = x[i] * factor where word (first + i) % 4 of philox4x32({(first + i) / 4, 0}, key) is at least `least`, else 0.
struct DropoutMask {
  uint64_t key;
  int64_t first;
  uint64_t least;  // of 2^32
  float factor;
};
void keyed_dropout(Launch launch, void* out, const void* x, int64_t count, DropoutMask mask);

}  // namespace llava::core::cuda
