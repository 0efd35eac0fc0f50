// A wait for other ranks that takes long is told in the log, now and then.
#pragma once

#include <chrono>

#include "base/error.hpp"
#include "base/log.hpp"

namespace llava::core {

class WaitNotice {
 public:
  explicit WaitNotice(std::chrono::milliseconds first = std::chrono::seconds(5)) : begin_(Clock::now()), next_(first) {}

  /// Call it while waiting: `whom()` is asked for when it is time to say "waits for WHOM (5 s so far)".
  template <typename Whom>
  void look(Whom&& whom) {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_);
    if (waited < next_) return;
    log_warning(cat("waits for ", whom(), " (", waited.count() / 1000, " s so far)"));
    next_ = 3 * waited;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_;
  std::chrono::milliseconds next_;
};

}  // namespace llava::core
