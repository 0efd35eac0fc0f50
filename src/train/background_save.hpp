// A snapshot that is written while the run goes on: the state of a moment is copied, and a thread writes the copy. The
// file is the one that train/snapshot writes, whole or absent, and there is at most one on its way.
#pragma once

#include <array>
#include <future>
#include <string>

#include "train/snapshot.hpp"

namespace llava::core {

class BackgroundSave {
 public:
  BackgroundSave() = default;
  BackgroundSave(const BackgroundSave&) = delete;
  BackgroundSave& operator=(const BackgroundSave&) = delete;
  ~BackgroundSave() = default;  // waits for the thread: what it writes is whole

  // Of several ranks all call these together; rank 0 copies and writes.

  /// Copies the state, 12 bytes a learning parameter, whose memory stays for the next time, and begins to write it. None
  /// may be on its way. Throws Error(limit) when no thread can be started, Error(out_of_memory).
  void begin(const std::string& run, Stepper& stepper, const RunIdentity& identity, int64_t keep);

  /// Waits until it is written. Throws on all ranks what went wrong, as save_snapshot() does. Nothing on its way: nothing
  /// happens.
  void end(Comm* comm);

  /// Whether the one on its way is written, or has failed. Of the rank that writes; false on the others.
  bool is_over() const;

  int64_t step() const { return step_; }              // of the one on its way; -1 for none
  int64_t written_ns() const { return written_ns_; }  // when the last was whole, by now_ns(); of the rank that writes

 private:
  std::array<at::Tensor, kSnapshotParts> copy_;
  int64_t step_ = -1, written_ns_ = 0;
  std::future<int64_t> work_;  // last: its end waits for the thread, which reads the others
};

}  // namespace llava::core
