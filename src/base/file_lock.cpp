#include "base/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/system_reason.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

std::string holder_of(int descriptor) {
  char text[64] = {};
  const auto size = ::pread(descriptor, text, sizeof text - 1, 0);
  return size > 0 ? printable(std::string(text, static_cast<size_t>(size))) : "another process";
}

// The lock, or the error: tried a few times, since holder() holds it for an instant.
int lock(int descriptor) {
  for (int tries = 1;; ++tries) {
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return 0;
    if (errno != EWOULDBLOCK || tries == 5) return errno;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

FileLock::FileLock(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor_ < 0) throw Error(Status::io, cat(printable(path_), ": cannot be made: ", system_reason(errno)));
  if (const int error = lock(descriptor_); error != 0) {
    const auto holder = error == EWOULDBLOCK ? holder_of(descriptor_) : "";
    ::close(std::exchange(descriptor_, -1));
    if (error == EWOULDBLOCK) throw Error(Status::busy, cat(printable(path_), ": held by ", holder));
    throw Error(Status::io, cat(printable(path_), ": cannot be locked: ", system_reason(error)));
  }
  const auto me = cat("process ", static_cast<long long>(::getpid()));
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, me.data(), me.size(), 0) < 0)
    return;  // only what a message would say
}

std::optional<std::string> FileLock::holder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0 && errno == ENOENT) return {};
  if (descriptor < 0) throw Error(Status::io, cat(printable(path), ": cannot be opened: ", system_reason(errno)));
  std::optional<std::string> found;
  if (::flock(descriptor, LOCK_SH | LOCK_NB) != 0) found = holder_of(descriptor);
  ::close(descriptor);  // and the lock, which was for that look alone, is gone: who wants it tries again
  return found;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);  // the file stays: deleting it could take it from under the next one
}

}  // namespace llava::core
