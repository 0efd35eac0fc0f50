// A process among those that make one step together, and what of the learning parameters it holds. Flat buffers consist of
// units (train/learners), and each unit of as many shards as there are ranks: rank r's is the r-th.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <exception>

#include "base/error.hpp"
#include "comm/comm.hpp"

namespace llava::core {

/// Where a step is computed; changes no bit of its result, but for `deterministic`.
struct Ranks {
  Comm* comm = nullptr;       // borrowed; null = alone
  int64_t zero = 0;           // ZeRO level: what lies in shards. 1: moments; 2: and gradients; 3: and values
  bool deterministic = true;  // false: sums whose order depends on the number of ranks
  int64_t count() const { return comm ? comm->size() : 1; }
  int64_t rank() const { return comm ? comm->rank() : 0; }
  bool moments_in_shards() const { return zero >= 1 && count() > 1; }
  bool gradients_in_shards() const { return zero >= 2; }  // alone too: no whole one, but each unit's when it is complete
  bool values_in_shards() const { return zero >= 3 && count() > 1; }
};

/// What only this rank does, or does in a way of its own: if it fails, the others must not wait for it.
template <typename Work>
auto or_abort(Comm* comm, Work&& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const Error*>(&error);
    if (comm && !(known && known->status() == Status::distributed)) comm->abort(error.what());
    throw;
  }
}

}  // namespace llava::core
