// Folders, whole or absent.
#include "base/atomic_folder.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/system_reason.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const char* what, int error) {
  throw Error(Status::io, cat(printable(path, limits::kPathBytes), ": ", what, ": ", system_reason(error)));
}

void sync(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, "cannot be opened", errno);
  const int failed = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (failed) fail(path, "cannot be made durable", failed);
}

void check_target(const std::string& path, bool replace, const std::string& mark) {
  std::error_code failure;
  const auto status = fs::symlink_status(path, failure);
  if (status.type() == fs::file_type::not_found) return;
  if (!replace)
    throw Error(Status::argument, cat("the target ", printable(path, limits::kPathBytes),
                                      " is there already; nothing is overwritten unasked"));
  const bool folder = status.type() == fs::file_type::directory;
  if (!folder || !(fs::exists(path + "/" + mark, failure) || fs::is_empty(path, failure)))
    throw Error(Status::argument, cat("the target ", printable(path, limits::kPathBytes), " holds no ", mark,
                                      "; only folders that do are overwritten"));
}

}  // namespace

AtomicFolder::AtomicFolder(std::string path, bool replace, std::string mark)
    : path_(std::move(path)), mark_(std::move(mark)) {
  static std::atomic<unsigned> number{0};
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  if (path_.empty()) throw Error(Status::argument, "the target path is empty");
  check_target(path_, replace, mark_);
  temporary_ = cat(path_, ".tmp-", ::getpid(), "-", number++);
  std::error_code failure;
  if (!fs::create_directory(temporary_, failure) || failure)
    fail(temporary_, "cannot be made", failure ? failure.value() : EEXIST);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!done_) fs::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  sync(temporary_);
  std::error_code failure;
  const bool there = fs::exists(fs::symlink_status(path_, failure));
  const auto parent = fs::path(path_).parent_path().string();
  if (there) {
    check_target(path_, true, mark_);
    if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) != 0)
      fail(path_, "cannot be replaced", errno);
    // what was there now has the temporary name: the destructor takes it away
  } else {
    if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0)
      fail(path_, "cannot be given its name", errno);
    done_ = true;
  }
  sync(parent.empty() ? "." : parent);
}

}  // namespace llava::core
