// Files by descriptors: open, fstat, then map or pread; every failure with path and reason.
#include "base/files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/system_reason.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr size_t kChunkBytes = size_t{4} << 20;
constexpr std::align_val_t kAlignment{64};  // a cache line, and the widest vector

[[noreturn]] void fail(std::string_view path, std::string_view what, int error) {
  const bool absent = error == ENOENT || error == ENOTDIR;
  throw Error(absent            ? Status::not_found
              : error == ENOMEM ? Status::out_of_memory
                                : Status::io,
              cat(printable(path, limits::kPathBytes), ": ", what, ": ", system_reason(error)));
}

void check_path(const std::string& path) {
  if (path.empty()) throw Error(Status::argument, "the path is empty");
  if (path.find('\0') != path.npos) throw Error(Status::argument, cat("a NUL byte in the path ", printable(path)));
  if (static_cast<int64_t>(path.size()) > limits::kPathBytes)
    throw Error(Status::limit, cat("a path of ", path.size(), " bytes, at most ", limits::kPathBytes));
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

size_t regular_size(const struct stat& info, std::string_view where) {
  if (!S_ISREG(info.st_mode))
    throw Error(Status::io,
                cat(printable(where, limits::kPathBytes), ": is ", kind_of(info.st_mode), ", expected a regular file"));
  return static_cast<size_t>(info.st_size);
}

size_t size_of(int descriptor, std::string_view where) {
  struct stat info;
  if (::fstat(descriptor, &info) != 0) fail(where, "cannot be looked at", errno);
  return regular_size(info, where);
}

FileStamp stamp_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<int64_t>(info.st_size),
          int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

FileStamp stamp_of(int descriptor, std::string_view where) {
  struct stat info;
  if (::fstat(descriptor, &info) != 0) fail(where, "cannot be looked at", errno);
  return stamp_of(info);
}

int open_for_reading(const std::string& path, std::string_view where) {
  check_path(path);
  int descriptor;
  do descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not make us wait
  while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) fail(where, "cannot be opened", errno);
  return descriptor;
}

void check_same_size(int descriptor, size_t size, std::string_view where) {
  const auto now = size_of(descriptor, where);
  if (now != size)
    throw Error(Status::io, cat(printable(where, limits::kPathBytes), ": changed from ", size, " to ", now,
                                " bytes while it was opened"));
}

void read_fully(int descriptor, std::byte* data, size_t size, std::string_view where, const FileReading& how,
                int64_t offset = 0) {
  for (size_t done = 0; done < size;) {
    how.cancel.poll("load");
    const auto count = ::pread(descriptor, data + done, std::min(kChunkBytes, size - done),
                               static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(where, "cannot be read", errno);
    if (count == 0)
      throw Error(Status::io,
                  cat(printable(where, limits::kPathBytes), ": ends after ", static_cast<size_t>(offset) + done, " of ",
                      static_cast<size_t>(offset) + size, " bytes"));
    done += static_cast<size_t>(count);
    if (how.progress) how.progress(static_cast<int64_t>(done), static_cast<int64_t>(size));
  }
}

std::shared_ptr<const void> map(int descriptor, size_t size, std::string_view where) {
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (data == MAP_FAILED) fail(where, "cannot be mapped", errno);
  return {data, [size](void* begin) { ::munmap(begin, size); }};
}

}  // namespace

MappedFile MappedFile::open(const std::string& path, const FileReading& how) {
  how.cancel.poll("load");
  const Descriptor file(open_for_reading(path, path));
  MappedFile result;
  result.path_ = path;
  result.size_ = size_of(file.number(), path);
  if (result.size_ == 0) {
    result.owner_ = std::make_shared<std::byte>();
  } else if (how.map) {
    result.owner_ = map(file.number(), result.size_, path);
  } else {
    const std::shared_ptr<void> memory(::operator new(result.size_, kAlignment),
                                       [](void* data) { ::operator delete(data, kAlignment); });
    read_fully(file.number(), static_cast<std::byte*>(memory.get()), result.size_, path, how);
    result.owner_ = memory;
  }
  check_same_size(file.number(), result.size_, path);
  result.stamp_ = stamp_of(file.number(), path);
  if (how.progress && (how.map || result.size_ == 0))
    how.progress(static_cast<int64_t>(result.size_), static_cast<int64_t>(result.size_));
  result.data_ = static_cast<const std::byte*>(result.owner_.get());
  return result;
}

std::string MappedFile::name() const { return path_.substr(path_.find_last_of('/') + 1); }

FileReader::FileReader(const std::string& path) : path_(path), descriptor_(open_for_reading(path, path)), size_(0) {
  try {
    size_ = static_cast<int64_t>(size_of(descriptor_, path_));
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

FileReader::~FileReader() { ::close(descriptor_); }

void FileReader::read(int64_t offset, void* data, size_t size_bytes) const {
  read_fully(descriptor_, static_cast<std::byte*>(data), size_bytes, path_, {}, offset);
}

std::string read_file(const std::string& path, int64_t max_bytes, std::string_view where) {
  if (where.empty()) where = path;
  const Descriptor file(open_for_reading(path, where));
  const auto size = size_of(file.number(), where);
  if (static_cast<int64_t>(size) > max_bytes)
    throw Error(Status::limit, cat(printable(where, limits::kPathBytes), ": ", size, " bytes, at most ", max_bytes));
  std::string bytes(size, '\0');
  read_fully(file.number(), reinterpret_cast<std::byte*>(bytes.data()), size, where, {});
  check_same_size(file.number(), size, where);
  return bytes;
}

bool file_exists(const std::string& path) {
  check_path(path);
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  fail(path, "cannot be looked at", errno);
}

FileStamp file_stamp(const std::string& path) {
  check_path(path);
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) fail(path, "cannot be looked at", errno);
  return stamp_of(info);
}

std::optional<FileStamp> find_file_stamp(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return stamp_of(info);
}

int64_t file_size(const std::string& path) {
  check_path(path);
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) fail(path, "cannot be looked at", errno);
  return static_cast<int64_t>(regular_size(info, path));
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  check_path(path_);
  static std::atomic<uint64_t> counter{0};
  temporary_ = cat(path_, ".tmp-", ::getpid(), '-', counter.fetch_add(1, std::memory_order_relaxed));
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_, "cannot be written", errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t size_bytes) {
  const auto* next = static_cast<const char*>(data);
  while (size_bytes > 0) {
    const auto count = ::write(descriptor_, next, std::min(size_bytes, size_t{1} << 30));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path_, "cannot be written", errno);
    next += count;
    size_bytes -= static_cast<size_t>(count);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail(path_, "cannot be made durable", errno);
  const int closed = ::close(std::exchange(descriptor_, -1));  // NFS reports a full disk here
  if (closed != 0 && errno != EINTR) fail(path_, "cannot be written", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be put in place", errno);
  temporary_.clear();
  const auto slash = path_.find_last_of('/');
  const auto folder = slash == path_.npos ? "." : slash == 0 ? "/" : path_.substr(0, slash);
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // some file systems cannot sync a folder and say EINVAL
  if (directory.number() < 0 || (::fsync(directory.number()) != 0 && errno != EINVAL))
    fail(folder, "cannot be made durable", errno);
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace llava::core
