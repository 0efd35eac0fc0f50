// A handle of llava.hpp that Python may close. A call takes a share of it, so that close() on another thread never pulls
// it away from under the call: close() waits for the calls under way, unless it is called from inside one of them.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "gil.hpp"

namespace llava_python {

namespace py = pybind11;

/// Raises llava.ClosedError for an object of that type.
[[noreturn]] void throw_closed(const char* type);

/// Raises what a signal's Python handler raised, KeyboardInterrupt for Ctrl-C; returns where nothing came.
inline void check_signals() {
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

template <typename Handle>
class Owned {
 public:
  explicit Owned(Handle handle) : handle_(std::move(handle)) {}

  /// A share of the object for one call.
  class Use {
   public:
    Use(Owned& owner, Handle handle) : owner_(owner), handle_(std::move(handle)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { owner_.end(); }
    Handle* operator->() { return &handle_; }
    Handle& operator*() { return handle_; }

   private:
    Owned& owner_;
    Handle handle_;
  };

  /// Throws llava.ClosedError after close(); `type` is the name in its message.
  Use use(const char* type) {
    {
      const std::lock_guard lock(mutex_);  // nothing of Python may run under it
      if (handle_) {
        Handle shared(handle_);  // first: it throws in a forked child
        users_.push_back(std::this_thread::get_id());
        return Use(*this, std::move(shared));
      }
    }
    throw_closed(type);
  }

  /// Takes the object away from further calls, tells those under way by `stop`, and waits for them.
  template <typename Stop>
  void close(Stop&& stop) {
    Handle last;
    {
      const std::lock_guard lock(mutex_);
      std::swap(last, handle_);
      if (std::count(users_.begin(), users_.end(), std::this_thread::get_id())) return;
    }
    if (last) stop(last);
    wait();
    const WithoutGil released;
    last = Handle();
  }
  void close() {
    close([](Handle&) {});
  }

  bool closed() {
    const std::lock_guard lock(mutex_);
    return !handle_;
  }

 private:
  void end() {
    const std::lock_guard lock(mutex_);
    users_.erase(std::find(users_.begin(), users_.end(), std::this_thread::get_id()));
    if (users_.empty()) idle_.notify_all();
  }

  void wait() {
    const auto idle = [this] { return users_.empty(); };
    for (;;) {
      {
        const WithoutGil released;
        std::unique_lock lock(mutex_);
        if (idle_.wait_for(lock, std::chrono::milliseconds(50), idle)) return;
      }
      check_signals();
    }
  }

  std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<std::thread::id> users_;  // one entry a call
  Handle handle_;
};

/// Adds close() and closed to a class.
template <typename Handle, typename Class>
void add_close(Class& target) {
  target.def("close", [](Owned<Handle>& self) { self.close(); });
  target.def_property_readonly("closed", &Owned<Handle>::closed);
}

}  // namespace llava_python
