// What a build without CUDA has in the place of ops/cuda: the plain statement that there is none.
#include "base/error.hpp"
#include "ops/cuda/launch.hpp"

namespace llava::core::cuda {

bool has_cuda() noexcept { return false; }

int device_count() noexcept { return 0; }

DeviceMemory device_memory(int) { throw Error(Status::unsupported, "this build of libllava has no CUDA"); }

}  // namespace llava::core::cuda
