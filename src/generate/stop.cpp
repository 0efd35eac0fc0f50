// Stop strings.
#include "generate/stop.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

// the longest end of `text` that is a proper beginning of `stop`
size_t possible_beginning(std::string_view text, std::string_view stop) {
  for (size_t size = std::min(text.size(), stop.size() - 1); size > 0; --size)
    if (text.ends_with(stop.substr(0, size))) return size;
  return 0;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stops, bool include_stop)
    : stops_(std::move(stops)), include_stop_(include_stop) {
  if (static_cast<int64_t>(stops_.size()) > limits::kStopStrings)
    throw Error(Status::limit, cat(stops_.size(), " stop strings, at most ", limits::kStopStrings));
  for (size_t i = 0; i < stops_.size(); ++i) {
    if (stops_[i].empty()) throw Error(Status::argument, cat("stop string ", i, " is empty"));
    if (static_cast<int64_t>(stops_[i].size()) > limits::kStopStringBytes)
      throw Error(Status::limit,
                  cat("stop string ", i, " has ", stops_[i].size(), " bytes, at most ", limits::kStopStringBytes));
  }
}

std::string StopMatcher::push(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  size_t found = std::string::npos, end = 0;
  for (const auto& stop : stops_) {
    const size_t at = held_.find(stop);
    if (at < found) {
      found = at;
      end = at + stop.size();
    }
  }
  if (found != std::string::npos) {
    stopped_ = true;
    return std::exchange(held_, {}).substr(0, include_stop_ ? end : found);
  }
  size_t keep = 0;
  for (const auto& stop : stops_) keep = std::max(keep, possible_beginning(held_, stop));
  std::string ready = held_.substr(0, held_.size() - keep);
  held_.erase(0, ready.size());
  return ready;
}

std::string StopMatcher::flush() { return std::exchange(held_, {}); }

}  // namespace llava::core
