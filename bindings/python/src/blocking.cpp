// The thread that hears Ctrl-C, and the queue of log lines.
#include "blocking.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <deque>

namespace llava_python {
namespace {

// The pipe and who is to be stopped, innermost last. Never destroyed: its thread may outlive main().
class Watcher {
 public:
  static Watcher& get() {
    static Watcher* const the_one = new Watcher;
    return *the_one;
  }

  int descriptor() const { return pipe_[1]; }

  void add(Stop stop, int former) {
    const std::lock_guard lock(mutex_);
    drain(false);
    calls_.push_back({std::move(stop), former});
  }

  void remove() {
    const std::lock_guard lock(mutex_);
    drain(false);
    calls_.pop_back();
  }

 private:
  Watcher() {
    if (pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("llava: no pipe can be made");
    std::thread([this] { watch(); }).detach();
  }

  [[noreturn]] void watch() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      pollfd entry{pipe_[0], POLLIN, 0};
      if (poll(&entry, 1, -1) <= 0) continue;
      const std::lock_guard lock(mutex_);
      drain(true);
    }
  }

  // Each byte is a signal's number. Whoever listened before gets it too.
  void drain(bool act) {
    unsigned char number = 0;
    while (read(pipe_[0], &number, 1) == 1) {
      if (!calls_.empty() && calls_.front().former >= 0)
        (void)!write(calls_.front().former, &number, 1);  // full: it has enough to wake it
      if (act && number == SIGINT)
        for (const auto& call : calls_) call.stop();
    }
  }

  struct Call {
    Stop stop;
    int former;  // who listened to signals before
  };

  int pipe_[2] = {-1, -1};
  std::mutex mutex_;
  std::vector<Call> calls_;
};

// signal.set_wakeup_fd(): the C function of that purpose is not exported before Python 3.12.
int set_wakeup(int descriptor) {
  static PyObject* const function = [] {
    PyObject* const module = PyImport_ImportModule("signal");
    return module ? PyObject_GetAttrString(module, "set_wakeup_fd") : nullptr;  // kept for ever
  }();
  if (!function) throw py::error_already_set();
  static PyObject* const quiet = Py_BuildValue("{s:O}", "warn_on_full_buffer", Py_False);
  const auto arguments = py::make_tuple(descriptor);
  const auto former = py::reinterpret_steal<py::object>(PyObject_Call(function, arguments.ptr(), quiet));
  if (!former) throw py::error_already_set();
  return former.cast<int>();
}

bool on_main_thread() { return gettid() == getpid(); }

struct LogQueue {
  std::mutex mutex;
  std::deque<std::pair<int, std::string>> lines;
};
LogQueue& log_queue() {
  static LogQueue* const the_one = new LogQueue;  // never destroyed: the library may log while the process ends
  return *the_one;
}

}  // namespace

void throw_closed(const char* type) {
  const auto error = py::module_::import("llava._errors").attr("ClosedError");
  PyErr_SetString(error.ptr(), (std::string(type) + " is closed, expected an open one").c_str());
  throw py::error_already_set();
}

Interruptible::Interruptible(const Stop& stop) {
  if (!on_main_thread()) return;
  auto& watcher = Watcher::get();
  try {
    former_ = set_wakeup(watcher.descriptor());
  } catch (const py::error_already_set&) {  // a sub-interpreter: it hears no signals
    return;
  }
  watcher.add(stop, former_);
  if (PyErr_CheckSignals() != 0) {  // it came before the pipe was there
    const py::error_scope raised;
    watcher.remove();
    set_wakeup(former_);
  }
  if (PyErr_Occurred()) throw py::error_already_set();
  watching_ = true;
}

Interruptible::~Interruptible() {
  if (!watching_) return;
  try {
    const py::error_scope pending;
    set_wakeup(former_);
  } catch (const py::error_already_set&) {  // the former one was closed meanwhile: then nobody listens
  }
  Watcher::get().remove();
}

void set_log_level(llava::LogLevel level) {
  constexpr std::size_t kLines = 1024;
  llava::set_log(
      [](llava::LogLevel severity, std::string_view text) {
        auto& queue = log_queue();
        const std::lock_guard lock(queue.mutex);
        if (queue.lines.size() < kLines) queue.lines.emplace_back(static_cast<int>(severity), text);
      },
      level);
}

void deliver_log() {
  std::deque<std::pair<int, std::string>> lines;
  {
    auto& queue = log_queue();
    const std::lock_guard lock(queue.mutex);
    lines.swap(queue.lines);
  }
  if (lines.empty()) return;
  const py::error_scope pending;  // a failure of the call goes on afterwards
  try {
    const auto tell = py::module_::import("llava._log").attr("tell");
    for (const auto& [level, text] : lines) tell(level, text);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("llava's log");
  }
}

}  // namespace llava_python
