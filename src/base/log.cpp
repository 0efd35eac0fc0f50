// The log callback, behind one mutex and one atomic level.
#include "base/log.hpp"

#include <atomic>
#include <mutex>
#include <utility>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

struct Log {
  std::mutex mutex;
  LogSink sink;
  std::atomic<int32_t> lowest{static_cast<int32_t>(LogLevel::warning)};
  std::atomic<bool> listening{false};
};

Log& the_log() {
  static Log* log = new Log;  // never destroyed: threads may log while the process ends
  return *log;
}

thread_local bool inside_sink = false;  // a sink that logs would wait for itself

}  // namespace

void set_log_sink(LogSink sink, LogLevel lowest) {
  auto& log = the_log();
  std::unique_lock lock(log.mutex, std::defer_lock);
  if (!inside_sink) lock.lock();  // a sink that replaces itself holds the mutex already
  log.listening.store(static_cast<bool>(sink), std::memory_order_relaxed);
  log.lowest.store(static_cast<int32_t>(lowest), std::memory_order_relaxed);
  std::swap(log.sink, sink);
}

void set_log_level(LogLevel lowest) noexcept {
  the_log().lowest.store(static_cast<int32_t>(lowest), std::memory_order_relaxed);
}

bool log_wanted(LogLevel level) noexcept {
  auto& log = the_log();
  return log.listening.load(std::memory_order_relaxed) &&
         static_cast<int32_t>(level) >= log.lowest.load(std::memory_order_relaxed);
}

void log_message(LogLevel level, std::string_view message) noexcept {
  if (!log_wanted(level) || inside_sink) return;
  auto& log = the_log();
  try {
    const std::lock_guard lock(log.mutex);
    const auto sink = log.sink;  // a copy: the sink may replace itself
    if (!sink) return;
    inside_sink = true;
    sink(level, clip_utf8(message, limits::kErrorTextBytes));
  } catch (...) {  // a log that fails must not fail the work it tells about
  }
  inside_sink = false;
}

}  // namespace llava::core
