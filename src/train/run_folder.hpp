// The folder of a run: whose it is, what run.json says of it, and how a result gets in.
//
// run.json has what TrainingRun::summary() tells, and besides:
//
//   state          running, stopped (saved, goes on when asked to), left (let go of before its end: whatever came after
//                  the last snapshot is done again) or finished
//   process, host, began   who works, or worked last; began in UTC
//   interruptions  how often a process ended in the midst of it, without a word
//
// A crash cannot write: who finds "running" while nobody holds run.lock has found a run that was interrupted.
#pragma once

#include <memory>
#include <string>

#include "base/file_lock.hpp"
#include "base/json_value.hpp"

namespace llava::core {

class RunFolder {
 public:
  /// Makes the folder where it is not there, and takes it until the end of this object. With `fresh` it may not hold a
  /// run. What processes that were killed had half written (run.json, metrics.jsonl, snapshots) is removed.
  /// Throws Error(argument) when it holds one then, or other things and no run; Error(busy | io).
  RunFolder(std::string path, bool fresh);

  /// Whether there was no run.json.
  bool is_new() const { return is_new_; }

  /// "process 12 of host, begun 2026-11-22 01:57:00 UTC, at step 4 of 40" where that one was interrupted; else "".
  const std::string& interrupted() const { return interrupted_; }

  /// Writes run.json. Throws Error(io).
  void write(Json summary, const char* state) const;

  /// Moves the files of `aside` in, in place of those of their names; `mark`, which makes the folder a model, last.
  /// Throws Error(io).
  void take_in(const std::string& aside, const std::string& mark) const;

 private:
  std::string path_, interrupted_, began_;
  int64_t interruptions_ = 0;
  bool is_new_ = false;
  std::unique_ptr<FileLock> lock_;
};

/// What run.json says, with the state "interrupted" for a run that is "running" and that nobody works on.
/// Throws Error(not_found) for a folder without a run, Error(format | io).
Json run_status(const std::string& path);

}  // namespace llava::core
