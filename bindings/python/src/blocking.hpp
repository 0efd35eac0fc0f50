// Calls that take time: without the GIL, and open to Ctrl-C.
//
// Python's own signal handler only takes a note, which the main thread reads when it runs Python again; a call into the
// library would keep it from that. So while such a call runs on the main thread, signals are written to a pipe
// (signal.set_wakeup_fd(), which asyncio uses as well), and a thread that waits at its other end stops the call. Then the
// main thread lets Python handle the signal, which raises KeyboardInterrupt. The thread never touches Python.
#pragma once

#include <functional>
#include <llava/llava.hpp>

#include "owned.hpp"

namespace llava_python {

using Stop = std::function<void()>;  // runs on another thread, without the GIL; must not throw

/// While it lives, Ctrl-C calls `stop`; on other threads than the main one it does nothing. Made and destroyed with the
/// GIL held; the constructor raises what a signal that came before has to raise.
class Interruptible {
 public:
  explicit Interruptible(const Stop& stop);
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  bool watching_ = false;
  int former_ = -1;
};

/// Hands the lines the library has logged to Python.
void deliver_log();

/// Runs `call`; a failure gives way to what a signal handler raises.
template <typename Call>
auto blocking(const Stop& stop, Call&& call) {
  struct Delivery {
    ~Delivery() { deliver_log(); }
  } delivery;
  const Interruptible watch(stop);
  try {
    const WithoutGil released;
    return call();
  } catch (const llava::Error&) {
    check_signals();
    throw;
  }
}

/// A call that needs no stop: short, or without a cancel token. Still without the GIL.
template <typename Call>
auto unlocked(Call&& call) {
  const WithoutGil released;
  return call();
}

/// What stops the holder of this token.
inline Stop stop_of(const llava::Cancel& cancel) {
  return [cancel] { llava_cancel_cancel(cancel.get()); };
}

/// The token given, or a new one.
inline llava::Cancel token_of(Owned<llava::Cancel>* given) {
  return given ? *given->use("Cancel") : llava::Cancel::create();
}

}  // namespace llava_python
