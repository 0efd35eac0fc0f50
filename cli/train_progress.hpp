// What `llava train` says while it works: one line that stays in a terminal, a line now and then elsewhere.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace llava_cli {

class TrainProgress {
 public:
  TrainProgress();
  ~TrainProgress();
  TrainProgress(const TrainProgress&) = delete;
  TrainProgress& operator=(const TrainProgress&) = delete;

  /// One event of the library.
  void show(const nlohmann::json& event);

  /// A line that stays.
  void say(const std::string& line);

 private:
  void show_step(const nlohmann::json& event);
  void write(const std::string& line, bool stays);

  bool terminal_ = false, open_ = false;  // open: a line without its end stands in the terminal
  std::chrono::steady_clock::time_point shown_;
};

/// Of a report's "cut_first": ": record 3 (r3) of 700, …", or "".
std::string cut_names(const nlohmann::ordered_json& report);

/// "12 s", "3 min 05 s", "2 h 10 min".
std::string duration_text(double seconds);

}  // namespace llava_cli
