// Cancel tokens and deadlines.
#include "base/cancel.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace llava::core {

int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t deadline_after_ms(int64_t timeout_ms) noexcept {
  constexpr int64_t kLongest_ms = int64_t{1} << 40;
  return timeout_ms < 0 ? 0 : now_ns() + std::min(timeout_ms, kLongest_ms) * 1000000;
}

void CancelToken::set_deadline_ms(int64_t timeout_ms) noexcept {
  deadline_ns_.store(deadline_after_ms(timeout_ms), std::memory_order_relaxed);
}

bool Cancel::stopped() const noexcept {
  if (token_ && token_->is_cancelled()) return true;
  const int64_t token_deadline = token_ ? token_->deadline_ns() : 0;
  if (!deadline_ns_ && !token_deadline) return false;
  const int64_t now = now_ns();
  return (deadline_ns_ && now >= deadline_ns_) || (token_deadline && now >= token_deadline);
}

void Cancel::poll(const char* during) const {
  if (!stopped()) return;
  if (token_ && token_->is_cancelled()) throw Error(Status::cancelled, cat("cancelled during ", during));
  throw Error(Status::timeout, cat("the deadline passed during ", during));
}

}  // namespace llava::core
