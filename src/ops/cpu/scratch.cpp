// The one block that is kept.
#include "ops/cpu/scratch.hpp"

#include <atomic>
#include <cstdlib>

#include "base/error.hpp"

namespace llava::core::cpu {
namespace {

std::atomic<float*> kept{nullptr};

}  // namespace

Scratch::Scratch() : floats_(kept.exchange(nullptr)) {
  if (!floats_) floats_ = static_cast<float*>(std::aligned_alloc(64, kFloats * sizeof(float)));
  if (!floats_) throw Error(Status::out_of_memory, "no 4 MiB of scratch memory for a matrix product");
}

Scratch::~Scratch() {
  float* none = nullptr;
  if (!kept.compare_exchange_strong(none, floats_)) std::free(floats_);
}

}  // namespace llava::core::cpu
