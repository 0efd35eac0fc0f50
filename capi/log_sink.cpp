// The caller's side of base/log: a callback, or a bounded store of lines.
#include "log_sink.hpp"

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "base/log.hpp"
#include "last_error.hpp"

namespace llava::capi {
namespace {

constexpr size_t kKeptLines = 1024;
constexpr int32_t kFailuresAllowed = 100;

thread_local bool inside = false;

struct Callback {
  Callback(llava_log_fn f, void* u, llava_destroy_fn d) : log(f), user_data(u), destroy(d) {}
  ~Callback() {
    if (!destroy) return;
    try {
      destroy(user_data);
    } catch (...) {  // ignored, as the header says
    }
  }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  void operator()(int32_t level, const std::string& text) {
    if (failures.load() >= kFailuresAllowed) return;
    inside = true;
    int32_t answer = 0;
    try {
      answer = log(level, text.c_str(), user_data);
    } catch (...) {
      answer = -1;
    }
    inside = false;
    if (answer != 0) failures.fetch_add(1);
  }

  const llava_log_fn log;
  void* const user_data;
  const llava_destroy_fn destroy;
  std::atomic<int32_t> failures{0};
};

// Never destroyed: a thread may still log while the process ends.
struct Store {
  std::mutex mutex;
  std::deque<std::string> lines;
  int64_t dropped = 0;
  std::once_flag installed;
};
Store& store() {
  static Store* const the_one = new Store;
  return *the_one;
}

std::string one_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

void keep_line(core::LogLevel level, std::string_view text) {
  static constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
  const auto number = static_cast<size_t>(level);
  auto line = core::cat("{\"level\":\"", kNames[number < 4 ? number : 3],
                        "\",\"message\":", json_quoted(one_line(text)), "}\n");
  const std::lock_guard lock(store().mutex);
  if (store().lines.size() >= kKeptLines)
    ++store().dropped;
  else
    store().lines.push_back(std::move(line));
}

}  // namespace

bool in_log_callback() noexcept { return inside; }

void log_line(int32_t level, std::string_view text) noexcept {
  core::log_message(static_cast<core::LogLevel>(level), text);
}

void set_log(llava_log_fn log, int32_t level, void* user_data, llava_destroy_fn destroy) {
  std::call_once(store().installed, [] {});
  if (!log) return core::set_log_sink(keep_line, static_cast<core::LogLevel>(level));
  core::set_log_sink(
      [callback = std::make_shared<Callback>(log, user_data, destroy)](core::LogLevel severity, std::string_view text) {
        (*callback)(static_cast<int32_t>(severity), one_line(text));
      },
      static_cast<core::LogLevel>(level));
}

void set_log_level(int32_t level) {
  const auto lowest = static_cast<core::LogLevel>(level);
  std::call_once(store().installed, [&] { core::set_log_sink(keep_line, lowest); });
  core::set_log_level(lowest);
}

std::string drain_log() {
  std::deque<std::string> lines;
  int64_t dropped = 0;
  {
    const std::lock_guard lock(store().mutex);
    lines.swap(store().lines);
    std::swap(dropped, store().dropped);
  }
  std::string all;
  for (const auto& line : lines) all += line;
  if (dropped) all += core::cat("{\"dropped\":", dropped, "}\n");
  return all;
}

}  // namespace llava::capi
