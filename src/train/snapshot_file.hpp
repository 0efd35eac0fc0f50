// One snapshot on its way to disk, written by one process: where each tensor lies in the flat buffers, and the folder
// that appears when it is whole.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/atomic_folder.hpp"
#include "base/json_value.hpp"
#include "train/learners.hpp"
#include "weights/safetensors_writer.hpp"

namespace llava::core {

inline constexpr const char* kSnapshotFormat = "llava-snapshot";
inline constexpr int64_t kSnapshotVersion = 2;
inline constexpr const char* kSnapshotState = "state.safetensors";
inline constexpr const char* kSnapshotManifest = "manifest.json";

/// What a run is told apart by: what decides its bits, and (train/origin) where its data and model came from and what
/// computes, for messages.
struct RunIdentity {
  RunIdentity(Json settings, Json came_from = {}, Json by = {})
      : numeric(std::move(settings)), origin(std::move(came_from)), machine(std::move(by)) {}
  Json numeric, origin, machine;  // origin, machine: null for none
};

/// How far a run was, as TrainingState counts it.
struct SnapshotCounts {
  int64_t step = 0, left_out = 0, left_out_in_a_row = 0;
};

/// One tensor of the file: part 0 of the flat buffers is values, 1 and 2 are the moments.
struct SnapshotEntry {
  std::string name;
  std::vector<int64_t> shape;
  size_t part;
  int64_t begin, count;
};
inline constexpr size_t kSnapshotParts = 3;

std::vector<SnapshotEntry> snapshot_entries(const Learners& learners);

/// Takes numbers f32 that stand side by side, in as many calls as they are found in.
using AddNumbers = std::function<void(const float* numbers, int64_t count)>;

/// Over all entries in their order, names and numbers, which `read` adds.
std::string snapshot_hash(const std::vector<SnapshotEntry>& entries,
                          const std::function<void(const SnapshotEntry&, const AddNumbers& add)>& read);

/// Of values alone, without the gaps: the same wherever and however they were computed, or not the same.
std::string values_hash(const Learners& learners,
                        const std::function<void(const Learner&, const AddNumbers& add)>& read);

/// The text of a manifest with the hash of itself as its last field, in place of one that it may have. A text that is not
/// sealed_manifest() of itself has been damaged, wherever it was.
std::string sealed_manifest(const std::string& text);

class SnapshotFile {
 public:
  /// Begins RUN/checkpoints/step-N. Throws Error(io); what was there before still is.
  SnapshotFile(const std::string& run, const SnapshotCounts& counts, const std::vector<SnapshotEntry>& entries);

  /// Places in `entries`, in the order in which write() wants them.
  const std::vector<size_t>& order() const { return file_->order(); }
  void write(const float* data, int64_t count);

  /// After the last: manifest and name, then the oldest snapshots beyond `keep` go.
  void commit(const RunIdentity& identity, const std::string& state_hash, const std::string& parameters_hash,
              int64_t keep);

 private:
  std::string run_;
  SnapshotCounts counts_;
  std::optional<AtomicFolder> folder_;
  std::optional<SafetensorsWriter> file_;
};

/// The snapshots of a run, oldest first: folders that hold a manifest.
std::vector<std::string> snapshots_of(const std::string& run);

}  // namespace llava::core
