// Ranks that are processes, on one machine or several, connected by TCP: c10d's Gloo, and a watchdog beside it.
#pragma once

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

/// Meets the other ranks. Null when there are none: a rank alone uses nothing of this.
/// Throws Error(distributed) naming the ranks that did not come, or a rank that came twice; what Board::over_tcp throws.
std::unique_ptr<Comm> open_comm(const Place& place, const CommOptions& options = {});

/// The same over a board that is there already.
std::unique_ptr<Comm> open_comm(std::unique_ptr<Board> board, int64_t rank, int64_t size,
                                const CommOptions& options = {});

}  // namespace llava::core
