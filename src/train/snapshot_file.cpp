#include "train/snapshot_file.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSeal = ",\n  \"manifest_xxh3\": \"";
constexpr const char* kPartNames[kSnapshotParts] = {".value", ".first_moment", ".second_moment"};

std::string step_name(int64_t step) {
  const auto digits = std::to_string(step);
  return "step-" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
}

size_t bytes_of(int64_t count) { return static_cast<size_t>(count) * sizeof(float); }

std::vector<TensorOutline> outlines_of(const std::vector<SnapshotEntry>& entries) {
  std::vector<TensorOutline> outlines;
  for (const auto& entry : entries) outlines.push_back({entry.name, DType::f32, entry.shape});
  return outlines;
}

void prune(const std::string& run, int64_t keep) {
  const auto all = snapshots_of(run);
  for (size_t i = 0; i + static_cast<size_t>(std::max<int64_t>(1, keep)) < all.size(); ++i) {
    std::error_code ignored;  // what cannot be deleted now is tried again at the next save
    fs::remove(all[i] + "/" + kSnapshotManifest, ignored);  // first: a snapshot without it is none
    fs::remove_all(all[i], ignored);
  }
}

}  // namespace

std::vector<SnapshotEntry> snapshot_entries(const Learners& learners) {
  std::vector<SnapshotEntry> entries;
  for (const auto& learner : learners.all()) {
    if (!learner.learns()) continue;
    for (size_t part = 0; part < kSnapshotParts; ++part)
      entries.push_back({learner.name + kPartNames[part], learner.sizes, part, learner.begin, learner.count()});
  }
  return entries;
}

std::string snapshot_hash(const std::vector<SnapshotEntry>& entries,
                          const std::function<void(const SnapshotEntry&, const AddNumbers& add)>& read) {
  Hasher hasher;
  for (const auto& entry : entries) {
    hasher.add_field(entry.name);
    read(entry, [&](const float* numbers, int64_t count) { hasher.add(numbers, bytes_of(count)); });
  }
  return to_hex(hasher.digest());
}

std::string values_hash(const Learners& learners,
                        const std::function<void(const Learner&, const AddNumbers& add)>& read) {
  Hasher hasher;
  for (const auto& learner : learners.all()) {
    if (!learner.learns()) continue;
    hasher.add_field(learner.name);
    read(learner, [&](const float* numbers, int64_t count) { hasher.add(numbers, bytes_of(count)); });
  }
  return to_hex(hasher.digest());
}

std::string sealed_manifest(const std::string& text) {
  auto end = text.rfind(kSeal);
  if (end == std::string::npos) end = text.rfind("\n}");
  const auto body = text.substr(0, end);
  return body + kSeal + to_hex(hash_bytes(body)) + "\"\n}\n";
}

SnapshotFile::SnapshotFile(const std::string& run, const SnapshotCounts& counts,
                           const std::vector<SnapshotEntry>& entries)
    : run_(run), counts_(counts) {
  const auto target = run + "/checkpoints/" + step_name(counts.step);
  std::error_code failure;
  fs::create_directories(run + "/checkpoints", failure);
  if (failure) throw Error(Status::io, cat(run, "/checkpoints: cannot be made: ", failure.message()));
  if (!file_exists(target + "/" + kSnapshotManifest)) fs::remove_all(target, failure);  // prune() left it half deleted
  folder_.emplace(target, /*replace=*/true, kSnapshotManifest);  // one that is there goes at commit()
  file_.emplace(folder_->path() + "/" + kSnapshotState, outlines_of(entries));
}

void SnapshotFile::write(const float* data, int64_t count) { file_->write(data, bytes_of(count)); }

void SnapshotFile::commit(const RunIdentity& identity, const std::string& state_hash,
                          const std::string& parameters_hash, int64_t keep) {
  file_->commit();
  auto manifest = Json::object({{"format", kSnapshotFormat},
                                {"version", kSnapshotVersion},
                                {"step", counts_.step},
                                {"left_out", counts_.left_out},
                                {"left_out_in_a_row", counts_.left_out_in_a_row},
                                {"settings", identity.numeric},
                                {"state_bytes", file_size(folder_->path() + "/" + kSnapshotState)},
                                {"state_xxh3", state_hash},
                                {"parameters_xxh3", parameters_hash}});
  if (!identity.origin.is_null()) manifest.add("origin", identity.origin);
  if (!identity.machine.is_null()) manifest.add("machine", identity.machine);
  write_file_atomically(folder_->path() + "/" + kSnapshotManifest, sealed_manifest(manifest.dump(2)));
  folder_->commit();
  prune(run_, keep);
}

std::vector<std::string> snapshots_of(const std::string& run) {
  std::vector<std::string> found;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(run + "/checkpoints", failure)) {
    const auto name = entry.path().filename().string();
    const bool numbered = name.size() >= 13 && name.starts_with("step-") &&
                          std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (numbered && file_exists(entry.path().string() + "/" + kSnapshotManifest))
      found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  return found;
}

}  // namespace llava::core
