// One process at a time: a lock on a file that ends with the process that holds it, however that ends.
#pragma once

#include <optional>
#include <string>

namespace llava::core {

class FileLock {
 public:
  /// Makes the file if need be and locks it. Throws Error(busy) when another process or object holds it, with what that
  /// one wrote about itself; Error(io).
  explicit FileLock(std::string path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// What the holder wrote about itself ("process 12"); nothing when nobody holds it or the file is not there. Throws
  /// Error(io).
  static std::optional<std::string> holder(const std::string& path);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace llava::core
