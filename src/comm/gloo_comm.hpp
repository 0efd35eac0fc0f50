// Ranks that are processes, on one machine or several: c10d's Gloo over TCP for tensors of the CPU, its NCCL
// (comm/nccl_comm) for those of cards, and a watchdog beside it.
#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "comm/board.hpp"
#include "comm/comm.hpp"
#include "comm/rendezvous.hpp"
#include "comm/watchdog.hpp"

namespace llava::core {

struct CommOptions {
  WatchTimes times;
  std::chrono::milliseconds join{60'000};  // until all ranks are there
  std::chrono::milliseconds notice{5000};  // of the first word about who is waited for
};

/// Meets the other ranks. Null when there are none: a rank alone uses nothing of this. `device` is this rank's; all have
/// one of the same kind.
/// Throws Error(distributed) naming the ranks that did not come, or a rank that came twice; what Board::over_tcp throws.
std::unique_ptr<Comm> open_comm(const Place& place, const CommOptions& options = {},
                                const c10::Device& device = c10::kCPU);

/// The same over a board that is there already.
std::unique_ptr<Comm> open_comm(std::unique_ptr<Board> board, int64_t rank, int64_t size,
                                const CommOptions& options = {}, const c10::Device& device = c10::kCPU);

}  // namespace llava::core
