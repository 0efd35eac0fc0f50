// open, fstat, pread; every failure with path and reason.
#include "data/byte_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/system_reason.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

[[noreturn]] void fail(const std::string& path, std::string_view what, int error) {
  throw Error(error == ENOENT || error == ENOTDIR ? Status::not_found : Status::io,
              cat(printable(path, limits::kPathBytes), ": ", what, ": ", system_reason(error)));
}

FileStamp stamp_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<int64_t>(info.st_size),
          int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

}  // namespace

ByteFile::ByteFile(std::string path) : path_(std::move(path)) {
  if (path_.empty() || path_.find('\0') != path_.npos)
    throw Error(Status::argument, cat("the path \"", printable(path_), "\" names no file"));
  do descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not make us wait
  while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) fail(path_, "cannot be opened", errno);
  struct stat info;
  const int failed = ::fstat(descriptor_, &info) != 0 ? errno : 0;
  if (!failed && S_ISREG(info.st_mode)) {
    stamp_ = stamp_of(info);
    return;
  }
  ::close(descriptor_);  // the destructor of what was never made does not run
  if (failed) fail(path_, "cannot be looked at", failed);
  throw Error(Status::io,
              cat(printable(path_, limits::kPathBytes), ": is ",
                  S_ISDIR(info.st_mode) ? "a directory" : "a device, a FIFO or a socket", ", expected a regular file"));
}

ByteFile::~ByteFile() { ::close(descriptor_); }

void ByteFile::read_at(int64_t at, char* data, int64_t size) const {
  for (int64_t done = 0; done < size;) {
    const auto count = ::pread(descriptor_, data + done, static_cast<size_t>(size - done), at + done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path_, "cannot be read", errno);
    if (count == 0)
      throw Error(Status::io, cat(printable(path_, limits::kPathBytes), ": ends at byte ", at + done, ", it had ",
                                  stamp_.size, " bytes when it was opened"));
    done += count;
  }
}

void ByteFile::require_unchanged() const {
  struct stat info;
  if (::fstat(descriptor_, &info) != 0) fail(path_, "cannot be looked at", errno);
  const auto now = stamp_of(info);
  if (now.size == stamp_.size && now.modified_ns == stamp_.modified_ns) return;
  throw Error(Status::io,
              cat(printable(path_, limits::kPathBytes), ": was written to since it was opened (it had ", stamp_.size,
                  " bytes, now ", now.size, "); a data file must not change while it is used"));
}

}  // namespace llava::core
