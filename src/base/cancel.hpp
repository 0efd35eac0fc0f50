// How a long operation is asked to stop. A CancelToken is set from any thread or from a signal handler; a Cancel is the
// cheap value that travels down into load, decode, encode and prefill, where poll() is called at least every 100 ms.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace llava::core {

/// Nanoseconds of the steady clock; never 0.
int64_t now_ns() noexcept;

/// The instant `timeout_ms` from now, as a deadline_ns; 0 (none) for a negative time. Whatever the number, nothing
/// overflows: 34 years are the most.
int64_t deadline_after_ms(int64_t timeout_ms) noexcept;

class CancelToken {
 public:
  void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
  void reset() noexcept {
    cancelled_.store(false, std::memory_order_relaxed);
    deadline_ns_.store(0, std::memory_order_relaxed);
  }
  bool is_cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }

  /// `timeout_ms` from now; a negative value removes the deadline.
  void set_deadline_ms(int64_t timeout_ms) noexcept;
  int64_t deadline_ns() const noexcept { return deadline_ns_.load(std::memory_order_relaxed); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free);
  std::atomic<bool> cancelled_{false};
  std::atomic<int64_t> deadline_ns_{0};
};

class Cancel {
 public:
  Cancel() = default;  // never cancelled
  explicit Cancel(const CancelToken* token, int64_t deadline_ns = 0) : token_(token), deadline_ns_(deadline_ns) {}

  /// Throws Error(cancelled) or Error(timeout); `during` names the phase, e.g. "prefill".
  void poll(const char* during) const;

  /// The same without a throw, for loops inside another library's callback.
  bool stopped() const noexcept;

 private:
  const CancelToken* token_ = nullptr;  // not owned: the caller of the operation keeps it alive
  int64_t deadline_ns_ = 0;             // 0 = none
};

}  // namespace llava::core
