// A data file opened by byte offsets: where each record lies is known, the text stays in the file until it is asked for.
// 665 000 records of 1 GB take 8 MB here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/hash.hpp"
#include "data/byte_file.hpp"
#include "data/record.hpp"
#include "data/record_scanner.hpp"

namespace llava::core {

struct IndexReading {
  Cancel cancel;                                                               // polled every 4 MiB
  std::function<void(int64_t done_bytes, int64_t total_bytes)> progress = {};  // may throw to stop
};

/// Immutable; any number of threads may read from one at the same time.
class RecordIndex {
 public:
  /// One pass over the file. Error(not_found | io) for the file, Error(format | limit) as RecordScanner says,
  /// Error(cancelled | timeout).
  static std::shared_ptr<const RecordIndex> open(const std::string& path, const IndexReading& how = {});

  int64_t size() const { return static_cast<int64_t>(spans_.size()); }
  const std::string& path() const { return file_.path(); }
  int64_t bytes() const { return file_.size(); }
  const std::string& name() const { return name_; }  // the last part of the path, for messages
  bool is_list() const { return is_list_; }          // else JSONL
  bool has_mark() const { return has_mark_; }        // a byte-order mark, skipped

  /// XXH3-128 of the whole file: what a run remembers of its data.
  const Hash128& hash() const { return hash_; }

  /// Of the bytes of the records [first, last), with what stands between them. Error(io).
  Hash128 hash_of(int64_t first, int64_t last) const;

  int64_t begin(int64_t index) const { return static_cast<int64_t>(spans_.at(static_cast<size_t>(index)).begin); }

  /// The JSON of a record. Error(io) when the file was written to since it was opened.
  std::string text(int64_t index) const;

  /// The same, read. RecordError as parse_record() says, its message beginning with "FILE: record N (byte B".
  Record record(int64_t index) const;

 private:
  explicit RecordIndex(const std::string& path) : file_(path) {}

  ByteFile file_;
  std::string name_;
  std::vector<RecordSpan> spans_;
  Hash128 hash_{};
  bool is_list_ = false, has_mark_ = false;
};

}  // namespace llava::core
