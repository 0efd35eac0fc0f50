// What a build without CUDA has in the place of ops/cuda: the plain statement that there is none.
#include "base/error.hpp"
#include "ops/cuda/launch.hpp"

namespace llava::core::cuda {
namespace {

[[noreturn]] void not_built() { throw Error(Status::unsupported, "this build of libllava has no CUDA"); }

}  // namespace

bool has_cuda() noexcept { return false; }
int device_count() noexcept { return 0; }
DeviceMemory device_memory(int) { not_built(); }
DeviceUse device_use(int) { not_built(); }
void* current_stream(int) { not_built(); }
bool kernels_wanted() noexcept { return false; }
ForcedKernels::ForcedKernels(bool) noexcept : before_(0) {}
ForcedKernels::~ForcedKernels() { static_cast<void>(before_); }
void rms_norm(Launch, void*, const void*, const void*, int64_t, int64_t, float) { not_built(); }
void silu_mul(Launch, void*, const void*, const void*, int64_t) { not_built(); }
void rope(Launch, void*, RopeShape, const float*, const float*) { not_built(); }
void keyed_dropout(Launch, void*, const void*, int64_t, DropoutMask) { not_built(); }

}  // namespace llava::core::cuda
