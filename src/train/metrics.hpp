// The record of a run: one JSON object a line, whole lines only, and a run that goes on from an earlier step forgets what
// came after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json_value.hpp"

namespace llava::core {

/// What the lines of a file come to.
struct MetricsTotals {
  int64_t samples = 0, tokens = 0, cut = 0;
  double seconds = 0;
  std::optional<double> first_loss, last_loss, eval_loss;
  int64_t eval_step = -1;  // of eval_loss
};

class MetricsFile {
 public:
  /// Opens or makes the file; lines with a "step" beyond `last_step` are dropped, and so is a last line that was cut.
  /// Throws Error(io).
  MetricsFile(std::string path, int64_t last_step);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  /// Of the lines that were there when it was opened.
  const MetricsTotals& before() const { return before_; }

  /// Throws Error(io); the file then ends as before. Opens it again after close().
  void append(const Json& line);

  /// Some file systems say only here that lines are lost. Throws Error(io). A file that is destroyed open is closed too, and
  /// what is wrong with it is told in the log.
  void close();

 private:
  void open();

  std::string path_;
  MetricsTotals before_;
  int descriptor_ = -1;
};

/// Memory of this process in use now, and the most so far; bytes.
int64_t resident_bytes();
int64_t peak_resident_bytes();

}  // namespace llava::core
