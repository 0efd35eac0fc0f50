// What the CUDA runtime says of the cards, and the switch of the hand-written kernels.
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "ops/cuda/launch.hpp"

namespace llava::core::cuda {
namespace {

std::atomic<int> forced{-1};  // ForcedKernels; -1 = the environment decides

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw Error(Status::device, cat("CUDA: ", what, ": ", cudaGetErrorString(status)));
}

// The caller's current device, put back at the end.
class CurrentDevice {
 public:
  explicit CurrentDevice(int index) {
    check(cudaGetDevice(&before_), "asking for the current device");
    check(cudaSetDevice(index), "choosing a device");
  }
  ~CurrentDevice() { cudaSetDevice(before_); }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int before_ = 0;
};

}  // namespace

bool has_cuda() noexcept { return true; }

int device_count() noexcept {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();  // no driver, no card: not an error of a later call
    return 0;
  }
  return count;
}

DeviceMemory device_memory(int index) {
  const CurrentDevice current(index);
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "reading a device's properties");
  size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "reading a device's memory");
  return {properties.name, static_cast<int64_t>(total_bytes), static_cast<int64_t>(free_bytes)};
}

DeviceUse device_use(int index) {
  constexpr size_t kAll = 0;  // of the kinds of blocks that are counted
  if (!c10::cuda::CUDACachingAllocator::get()->initialized()) return {};
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(index));
  return {stats.allocated_bytes[kAll].current, stats.allocated_bytes[kAll].peak, stats.reserved_bytes[kAll].current};
}

void* current_stream(int index) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(index)).stream();
}

bool kernels_wanted() noexcept {
  if (const int on = forced.load(std::memory_order_relaxed); on >= 0) return on != 0;
  static const bool wanted = [] {
    const char* text = std::getenv("LLAVA_CUDA_KERNELS");
    return text && std::strcmp(text, "1") == 0;
  }();
  return wanted;
}

ForcedKernels::ForcedKernels(bool on) noexcept : before_(forced.exchange(on)) {}

ForcedKernels::~ForcedKernels() { forced.store(before_); }

}  // namespace llava::core::cuda
