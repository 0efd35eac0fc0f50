// Cancel tokens and deadlines.
#include "base/cancel.hpp"

#include "base/error.hpp"

namespace llava::core {

int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void CancelToken::set_deadline_ms(int64_t timeout_ms) noexcept {
  constexpr int64_t kLongest_ms = int64_t{1} << 40;  // 34 years: no overflow in nanoseconds
  if (timeout_ms > kLongest_ms) timeout_ms = kLongest_ms;
  deadline_ns_.store(timeout_ms < 0 ? 0 : now_ns() + timeout_ms * 1000000 , std::memory_order_relaxed);
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
