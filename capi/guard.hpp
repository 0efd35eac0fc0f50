// The wall between the core and C: no exception passes it, every failure becomes a status and a message.
#pragma once

#include <llava/base.h>

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "base/error.hpp"

namespace llava::capi {

/// Maps the exception being handled to a status and records it for this thread.
/// Order: our own Error, memory, LibTorch's errors (never their what(), which builds a backtrace), the system's,
/// others.
llava_status report_failure(const char* function) noexcept;

/// Held by every call: refuses calls after llava_shutdown(), in the child of a fork() and inside a log callback, and
/// sends LibTorch's warnings to the log.
class CallScope {
 public:
  CallScope();  // throws Error(state)
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

 private:
  void* former_handler_;
};

/// True in the child of a fork() of a process that used the library.
bool in_forked_child() noexcept;

/// True after llava_shutdown().
bool is_shut_down() noexcept;

/// Sets outputs to NULL or 0 before anything can fail: `return guarded(cleared(out), [&] { … });`
struct Cleared {};
template <typename... Outputs>
Cleared cleared(Outputs*... outputs) noexcept {
  ((outputs ? void(*outputs = Outputs{}) : void()), ...);
  return {};
}

/// Runs the body of an exported function. `body` returns nothing, or a status for answers that are no failures.
template <typename Body>
llava_status guarded(Cleared, Body&& body, const char* function = __builtin_FUNCTION()) noexcept {
  try {
    const CallScope scope;
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      return LLAVA_OK;
    } else {
      return body();
    }
  } catch (...) {
    return report_failure(function);
  }
}

/// The same for functions that return their value: `neutral` on failure.
template <typename Value, typename Body>
Value guarded_value(Value neutral, Body&& body, const char* function = __builtin_FUNCTION()) noexcept {
  try {
    const CallScope scope;
    return body();
  } catch (...) {
    report_failure(function);
    return neutral;
  }
}

/// `_free`: works after llava_shutdown() too, does nothing in a forked child; misuse is logged.
void free_handle(void* handle, uint8_t kind, const char* function, const char* argument) noexcept;

/// Calls a callback of the caller; what it throws and negative answers become Error(callback), and so does an answer
/// above `highest`.
template <typename Call>
int32_t ask_callback(const char* name, int32_t highest, Call&& call) {
  int32_t answer = 0;
  try {
    answer = call();
  } catch (...) {
    throw core::Error(core::Status::callback, core::cat("the callback ", name, " threw an exception"));
  }
  if (answer < 0 || answer > highest)
    throw core::Error(core::Status::callback,
                      core::cat("the callback ", name, " answered ", answer,
                                answer < 0 ? ", a failure" : core::cat(", expected 0 … ", highest).c_str()));
  return answer;
}

/// Long operations under way in the process: llava_set_threads() and llava_shutdown() do not run beside one.
class Operation {
 public:
  Operation();
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Refuses new operations while it lives. Throws Error(busy) when one is under way.
  class Pause {
   public:
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
  };
};

void set_shut_down() noexcept;

}  // namespace llava::capi
