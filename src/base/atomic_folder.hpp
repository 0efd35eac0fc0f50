// A folder that appears under its name only when it is complete.
#pragma once

#include <string>

namespace llava::core {

/// Written beside its name as "<name>.tmp-<pid>-<n>"; commit() makes it durable and renames it. Destroyed without
/// commit it leaves nothing behind.
class AtomicFolder {
 public:
  /// `replace`: a folder of that name may be there; it gives way at commit(), and is deleted then. It must hold the
  /// file `mark` or nothing, so that a slip of the pen cannot delete somebody's home.
  /// Throws Error(argument) when something is in the way, Error(io).
  AtomicFolder(std::string path, bool replace, std::string mark = "config.json");
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where to write.
  const std::string& path() const { return temporary_; }

  /// Throws Error(io); the target is then as it was.
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  std::string mark_;
  bool done_ = false;
};

}  // namespace llava::core
