// Mapping exceptions to statuses, and the state of the process that every call looks at.
#include "guard.hpp"

#include <c10/util/Exception.h>
#include <unistd.h>

#include <filesystem>
#include <new>
#include <system_error>

#include "handles.hpp"
#include "last_error.hpp"
#include "log_sink.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Status;

namespace {

std::atomic<bool> shut_down{false};
std::atomic<pid_t> owner{0};         // the process that made the first call
std::atomic<int64_t> operations{0};  // running; kPaused while none may start
std::atomic<uint64_t> internal_errors{0};
constexpr int64_t kPaused = int64_t{-1} << 40;

// LibTorch's warnings go to the log of the thread that caused them, never to stderr.
class LogWarnings final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override { log_line(LLAVA_LOG_WARNING, warning.msg()); }
};
LogWarnings& log_warnings() {
  static LogWarnings* const the_one = new LogWarnings;  // never destroyed: threads may outlive main()
  return *the_one;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

void report_torch(const c10::Error& error, const char* function, Status status) {
  const std::string text = error.what_without_backtrace();
  if (status == Status::internal && (contains(text, "DefaultCPUAllocator") || contains(text, "not enough memory")))
    status = Status::out_of_memory;
  if (status == Status::internal) {
    const auto number = internal_errors.fetch_add(1) + 1;
    return set_last_error(status, function, cat("a defect of libllava (trace ", number, "): ", text),
                          {{"trace", std::to_string(number)}});
  }
  set_last_error(status, function, text.substr(0, text.find('\n')));
}

void report_unknown(const char* function, const char* text) {
  const auto number = internal_errors.fetch_add(1) + 1;
  set_last_error(Status::internal, function, cat("a defect of libllava (trace ", number, "): ", text),
                 {{"trace", std::to_string(number)}});
}

// Called in a catch block; may itself run out of memory while it writes a message.
void report_current(const char* function) {
  try {
    throw;
  } catch (const Error& error) {
    set_last_error(error.status(), function, error.message(), error.details());
  } catch (const std::bad_alloc&) {
    set_last_error(Status::out_of_memory, function, "the system has no more memory to give");
  } catch (const c10::OutOfMemoryError& error) {
    report_torch(error, function, Status::device_memory);
  } catch (const c10::AcceleratorError& error) {
    report_torch(error, function, Status::device);
  } catch (const c10::DistError& error) {
    report_torch(error, function, Status::distributed);
  } catch (const c10::NotImplementedError& error) {
    report_torch(error, function, Status::unsupported);
  } catch (const c10::Error& error) {
    report_torch(error, function, Status::internal);
  } catch (const std::system_error& error) {
    const bool missing = error.code() == std::errc::no_such_file_or_directory;
    set_last_error(missing ? Status::not_found : Status::io, function, error.what());
  } catch (const std::exception& error) {
    report_unknown(function, error.what());
  } catch (...) {
    report_unknown(function, "an exception of unknown type");
  }
}

}  // namespace

llava_status report_failure(const char* function) noexcept {
  try {
    report_current(function);
  } catch (...) {
    set_last_error(Status::out_of_memory, function, "the system has no more memory to give");
  }
  return last_error_status();
}

bool in_forked_child() noexcept {
  const pid_t first = owner.load(std::memory_order_relaxed);
  return first != 0 && first != getpid();
}

bool is_shut_down() noexcept { return shut_down.load(std::memory_order_relaxed); }

CallScope::CallScope() {
  if (is_shut_down()) throw Error(Status::state, "the library was shut down");
  if (in_log_callback())
    throw Error(Status::state, "a log callback may call status and error functions and llava_cancel_cancel()");
  const pid_t self = getpid();
  pid_t first = owner.load(std::memory_order_relaxed);
  if (first == 0 && owner.compare_exchange_strong(first, self)) first = self;
  if (first != self)
    throw Error(Status::state, "the library was used before fork(); the child has to start a program of its own");
  former_handler_ = c10::WarningUtils::get_warning_handler();
  c10::WarningUtils::set_warning_handler(&log_warnings());
}

CallScope::~CallScope() { c10::WarningUtils::set_warning_handler(static_cast<c10::WarningHandler*>(former_handler_)); }

void free_handle(void* handle, uint8_t kind, const char* function, const char* argument) noexcept {
  if (!handle || in_forked_child()) return;
  try {
    release_handle(handle, static_cast<HandleKind>(kind), argument);
  } catch (...) {
    report_failure(function);
    log_line(LLAVA_LOG_ERROR, last_error_text());
  }
}

Operation::Operation() {
  if (operations.fetch_add(1) >= 0) return;
  operations.fetch_sub(1);
  throw Error(Status::busy, "the number of threads is being changed");
}
Operation::~Operation() { operations.fetch_sub(1); }

Operation::Pause::Pause() {
  int64_t none = 0;
  if (!operations.compare_exchange_strong(none, kPaused))
    throw Error(Status::busy, none > 0 ? cat(none, " operations are running") : "another thread does the same");
}
Operation::Pause::~Pause() { operations.fetch_sub(kPaused); }

void set_shut_down() noexcept { shut_down.store(true); }

}  // namespace llava::capi
