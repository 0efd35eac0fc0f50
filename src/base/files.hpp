// Whole files in and out: mapped or read into memory of our own, small texts, and writes that are whole or absent.
//
// Only regular files are read; symbolic links to them are followed (the Hugging Face cache is made of links). A FIFO, a
// device or a directory is Error(io), and opening one never waits. Paths are UTF-8 bytes as the system has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.hpp"

namespace llava::core {

struct FileReading {
  bool map = true;  // false: read into memory of our own, so that a later cut of the file cannot raise SIGBUS
  Cancel cancel;    // polled before every 4 MiB read
  std::function<void(int64_t done_bytes, int64_t total_bytes)> progress;  // may throw to stop
};

/// What tells whether a file was changed: equal device and inode are the same file.
struct FileStamp {
  uint64_t device = 0, inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
};

/// Of whatever is there, through links. Error(not_found | io).
FileStamp file_stamp(const std::string& path);

/// The same; nullopt when it cannot be looked at, for whatever reason.
std::optional<FileStamp> find_file_stamp(const std::string& path);

/// The bytes of one file, read-only, alive as long as a copy or its owner() is.
class MappedFile {
 public:
  /// Throws Error(not_found) when there is none, Error(io) for anything that cannot be read or is no regular file or
  /// changed its size meanwhile, Error(cancelled | timeout). An empty file has size 0 and a pointer that is not NULL.
  static MappedFile open(const std::string& path, const FileReading& how = {});

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  const std::string& path() const { return path_; }
  const FileStamp& stamp() const { return stamp_; }
  std::string name() const;  // the last part of the path, for messages
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  MappedFile() = default;
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::string path_;
  FileStamp stamp_;
};

/// A file that is read stretch by stretch into memory of the caller's.
class FileReader {
 public:
  /// Error(not_found | io).
  explicit FileReader(const std::string& path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  int64_t size() const { return size_; }  // when it was opened

  /// `size_bytes` from `offset` on. Error(io), also when the file ends before that.
  void read(int64_t offset, void* data, size_t size_bytes) const;

 private:
  std::string path_;
  int descriptor_;
  int64_t size_;
};

/// A whole small file. `where` stands for the path in messages when given. Error(not_found | io | limit).
std::string read_file(const std::string& path, int64_t max_bytes, std::string_view where = {});

/// True when something of that name is there, through links; what is there is looked at when it is opened.
/// Failures other than absence are Error(io).
bool file_exists(const std::string& path);

/// Of a regular file. Error(not_found | io).
int64_t file_size(const std::string& path);

/// A file that appears under its name only when commit() has made it durable: written beside as
/// "<name>.tmp-<pid>-<n>", fsync, rename, fsync of the folder. Destroyed without commit it leaves nothing behind.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws Error(io) with path and reason, e.g. "No space left on device".
  void write(const void* data, size_t size_bytes);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

void write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace llava::core
