// Starts the ranks of one machine as processes of their own and waits for them: fresh executables (a child forked after
// OpenMP has worked hangs), each told its place by environment variables as torchrun's (rendezvous.hpp). Nothing global
// is touched: no signal handler, no child of others is waited for.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.hpp"

namespace llava::core {

struct LaunchOptions {
  std::string executable;              // a path; not searched for
  std::vector<std::string> arguments;  // after its name
  int64_t ranks = 1;
  int64_t threads = 0;  // of each rank; 0 = OMP_NUM_THREADS if set, else the processors shared out, at least one each
  std::vector<std::pair<std::string, std::string>> environment;  // on top of this process's
  std::chrono::milliseconds patience{3000};  // after the first failure: the others end by themselves and say why
  std::chrono::milliseconds grace{10'000};   // then SIGTERM, and after this SIGKILL
  std::function<void(int64_t rank, pid_t process)> started;
};

/// How one rank ended.
struct RankEnd {
  int64_t rank = 0;
  int code = 0;    // of exit(); -1 for a signal
  int signal = 0;  // 0 for an exit
  bool failed() const { return code != 0; }
};

/// "rank 2 was ended by signal 9 (Killed)", "rank 1 exited with code 3".
std::string text_of(const RankEnd& end);

struct LaunchResult {
  std::vector<RankEnd> ends;  // one a rank
  std::optional<RankEnd> first_failure;
};

/// Returns when all ranks have ended. Children die with the thread that launched them.
/// Throws Error(argument) for a number of ranks outside 1 .. kMostRanks, Error(not_found | io) when the executable cannot
/// be started, Error(cancelled | timeout) after the ranks were ended as after a failure.
LaunchResult launch(const LaunchOptions& options, const Cancel& cancel);

}  // namespace llava::core
