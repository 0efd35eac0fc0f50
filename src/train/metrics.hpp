// The record of a run: one JSON object a line, whole lines only, and a run that goes on from an earlier step forgets what
// came after it.
#pragma once

#include <cstdint>
#include <string>

#include "base/json_value.hpp"

namespace llava::core {

class MetricsFile {
 public:
  /// Opens or makes the file; lines with a "step" beyond `last_step` are dropped, and so is a last line that was cut.
  /// Throws Error(io).
  MetricsFile(std::string path, int64_t last_step);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  /// Throws Error(io); the file then ends as before.
  void append(const Json& line);

 private:
  std::string path_;
  int descriptor_ = -1;
};

/// Memory of this process in use now, and the most so far; bytes.
int64_t resident_bytes();
int64_t peak_resident_bytes();

}  // namespace llava::core
