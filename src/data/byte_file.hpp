// A file that is read in pieces while others may be writing to it. Not mapped: a data set may be larger than what a
// process should hold, and a file that shrinks under a map ends the process, where a read only comes up short.
#pragma once

#include <cstdint>
#include <string>

#include "base/files.hpp"

namespace llava::core {

/// Any number of threads may read from one at the same time.
class ByteFile {
 public:
  /// Opens a regular file, through links; never waits. Error(not_found | io | argument | limit).
  explicit ByteFile(std::string path);
  ~ByteFile();
  ByteFile(const ByteFile&) = delete;
  ByteFile& operator=(const ByteFile&) = delete;

  int64_t size() const { return stamp_.size; }
  const std::string& path() const { return path_; }

  /// Fills `data` with the bytes [at, at + size). Error(io) when the file ends before.
  void read_at(int64_t at, char* data, int64_t size) const;

  /// Error(io) unless size and time of change are what they were when it was opened.
  void require_unchanged() const;

 private:
  std::string path_;
  int descriptor_ = -1;
  FileStamp stamp_;
};

}  // namespace llava::core
