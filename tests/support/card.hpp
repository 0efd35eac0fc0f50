// Whether a test that needs a card can run.
#pragma once

#include <cstdlib>

#include "ops/cuda/launch.hpp"
#include "support/doctest.hpp"

/// False, said in the log, where LibTorch sees no card; with LLAVA_NEED_CARD in the environment that is a failure: whoever set
/// it knows that there is one.
inline bool has_card() {
  if (llava::core::cuda::device_count() > 0) return true;
  if (std::getenv("LLAVA_NEED_CARD") != nullptr) FAIL("LibTorch sees no CUDA device, and LLAVA_NEED_CARD is set");
  MESSAGE("no CUDA device: not run");
  return false;
}
