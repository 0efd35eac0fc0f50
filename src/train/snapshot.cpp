// Writing, finding and reading snapshots.
#include "train/snapshot.hpp"

#include <ATen/ops/arange.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "comm/agree.hpp"
#include "train/origin.hpp"
#include "train/snapshot_state.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kManifestBytes = 1 << 20;

// Values and moments may lie in shards: all ranks take part in gathering them, rank 0 writes. After a failure it goes on taking
// part, as the others do not know of it yet.
class Saving {
 public:
  explicit Saving(Stepper& stepper) : stepper_(stepper), comm_(stepper.comm()) {
    if (comm_) comm_->progress("saving a snapshot", Doing::slow);
  }

  at::Tensor data_of(const SnapshotEntry& entry) const {
    return or_abort(comm_, [&] { return stepper_.fetch(entry.part, entry.begin, entry.count); });
  }

  /// On rank 0, unless something has failed.
  void alone(const std::function<void()>& work) {
    if (failure_ || (comm_ && comm_->rank() != 0)) return;
    try {
      work();
    } catch (const Error& error) {
      failure_ = error;
    } catch (const std::exception& error) {
      if (comm_) comm_->abort(error.what());
      throw;
    }
  }

  /// The order in which rank 0's file wants `count` tensors.
  std::vector<int64_t> order(const std::optional<SnapshotFile>& file, size_t count) const {
    auto order = at::arange(static_cast<int64_t>(count), at::kLong);
    auto* const at = order.mutable_data_ptr<int64_t>();
    if (file) std::copy(file->order().begin(), file->order().end(), at);
    if (comm_) comm_->broadcast(order, 0);
    return {at, at + count};
  }

  /// Throws the failure on all ranks.
  void finish() const {
    together(comm_, [&] {
      if (failure_) throw *failure_;
    });
    if (comm_) comm_->progress("after saving a snapshot", Doing::busy);
  }

 private:
  Stepper& stepper_;
  Comm* comm_;
  std::optional<Error> failure_;
};

// Settings that may change on the way: what was skipped was allowed then, and what comes is allowed now.
bool is_free(std::string_view key) {
  return key == "skip_bad" || key == "skip_diverged" || key == "device" || key == "exact";
}

// Products of a card and of the CPU differ in their last bits: a run may move, but nobody is to think it goes on alike.
void tell_of_device(const std::string& folder, const Json& saved, const Json& mine) {
  const auto device_of = [](const Json& settings) {
    const auto* device = settings.find("device");
    return device ? device->string() : std::string("cpu");
  };
  if (device_of(saved) != device_of(mine))
    log_warning(cat(folder, ": made on ", device_of(saved), ", goes on on ", device_of(mine),
                    ": the numbers will not be the same to the bit"));
}

// What a snapshot meant that was made before there was the setting.
std::string value_of(const std::string& key, const Json* value) {
  if (value) return value->dump();
  return key == "sum_order" ? "\"tree\"" : "absent";
}

// Every setting whose value is not the same, with both values; of data and model what is other about them.
void compare_settings(const std::string& folder, const Json& manifest, const RunIdentity& now) {
  const auto &saved = manifest.at("settings"), &mine = now.numeric;
  const auto* origin = manifest.find("origin");
  const Json was_from = origin ? *origin : Json();
  std::string text;
  const auto differ = [&](const std::string& key, const Json* before, const Json* after) {
    if (is_free(key) || value_of(key, before) == value_of(key, after)) return;
    const auto which = origin_difference(key, was_from, now.origin);
    text += cat(text.empty() ? "" : "; ", key, " is ",
                which.empty() ? cat(value_of(key, after), " now and was ", value_of(key, before)) : which);
  };
  for (const auto& [key, value] : saved.items()) differ(key, &value, mine.find(key));
  for (const auto& [key, value] : mine.items())
    if (!saved.contains(key)) differ(key, nullptr, &value);
  if (const auto parts = text.empty() ? hidden_difference(was_from, now.origin) : ""; !parts.empty())
    text = cat("model is ", origin_difference("model", was_from, now.origin));
  if (!text.empty()) throw Error(Status::argument, cat(folder, ": made with other settings: ", text));
  tell_of_device(folder, saved, mine);
}

/// A snapshot that this rank has found whole.
struct Found {
  std::optional<SnapshotState> state;
  SnapshotCounts counts;
  std::string hash, machine;
};

void look_into(const std::string& folder, Stepper& stepper, const RunIdentity& identity, Found& found) {
  const auto place = folder + "/" + kSnapshotManifest, path = folder + "/" + kSnapshotState;
  const auto text = read_file(place, kManifestBytes, place);
  const auto manifest = parse_json(text, place);
  if (read_string(manifest, "format", place) != kSnapshotFormat)
    throw Error(Status::format, cat(place, ": no snapshot"));
  read_int(manifest, "version", place, kSnapshotVersion, kSnapshotVersion);
  if (sealed_manifest(text) != text)
    throw Error(Status::format, cat(place, ": is damaged: its hash is not the one it ends with"));
  const auto* saved = manifest.find("settings");
  if (!saved || !saved->is_object()) throw Error(Status::format, cat(place, ": settings is missing"));
  compare_settings(folder, manifest, identity);
  auto& counts = found.counts;
  counts.step = read_int(manifest, "step", place, 0, INT64_MAX);
  if (manifest.contains("left_out")) {
    counts.left_out = read_int(manifest, "left_out", place, 0, counts.step);
    counts.left_out_in_a_row = read_int(manifest, "left_out_in_a_row", place, 0, counts.left_out);
  }
  const auto bytes = read_int(manifest, "state_bytes", place, 0, INT64_MAX);
  std::error_code failure;
  const auto size = fs::file_size(path, failure);
  if (failure) throw Error(Status::not_found, cat(path, ": ", failure.message()));
  if (static_cast<int64_t>(size) != bytes)
    throw Error(Status::format, cat(path, ": has ", size, " bytes, ", kSnapshotManifest, " says ", bytes));
  found.hash = found.state.emplace(path, snapshot_entries(stepper.network().learners())).hash();
  if (found.hash != read_string(manifest, "state_xxh3", place))
    throw Error(Status::format, cat(path, ": its hash is not the one in ", kSnapshotManifest));
  const auto* machine = manifest.find("machine");
  found.machine =
      machine ? machine_difference(*machine, identity.machine, stepper.network().lanes() != kLanes) : std::string();
}

}  // namespace

SnapshotCounts counts_of(const TrainingState& state) {
  return {state.steps_done, state.left_out, state.left_out_in_a_row};
}

void save_snapshot(const std::string& run, Stepper& stepper, const RunIdentity& identity, int64_t keep) {
  const c10::InferenceMode no_gradients;
  const auto& learners = stepper.network().learners();
  const auto entries = snapshot_entries(learners);
  Saving saving(stepper);
  std::optional<SnapshotFile> file;
  saving.alone([&] { file.emplace(run, counts_of(stepper.state()), entries); });
  for (const auto index : saving.order(file, entries.size())) {
    const auto data = saving.data_of(entries[static_cast<size_t>(index)]);
    saving.alone([&] { file->write(data.const_data_ptr<float>(), data.numel()); });
  }
  const auto hash = snapshot_hash(entries, [&](const SnapshotEntry& entry, const AddNumbers& add) {
    const auto data = saving.data_of(entry);
    add(data.const_data_ptr<float>(), data.numel());
  });
  std::string parameters;
  if (stepper.in_shards(0)) parameters = parameter_hash(stepper);  // which takes all ranks
  saving.alone([&] { file->commit(identity, hash, parameters.empty() ? parameter_hash(stepper) : parameters, keep); });
  saving.finish();
}

void resume_from(const std::string& folder, Stepper& stepper, const RunIdentity& identity, std::string* other_means) {
  const c10::InferenceMode no_gradients;
  auto* const comm = stepper.comm();
  if (comm) comm->progress("reading a snapshot", Doing::slow);
  Found found;
  together(comm, [&] { look_into(folder, stepper, identity, found); });
  require_same(comm, folder + ": what the ranks find there", found.hash);
  together(comm, [&] {
    found.state->read(
        [&](size_t part, int64_t begin, int64_t count) { return stepper.has(part, begin, count); },
        [&](size_t part, int64_t begin, const at::Tensor& numbers) { stepper.put(part, begin, numbers); });
  });
  stepper.go_on(found.counts.step, found.counts.left_out, found.counts.left_out_in_a_row);
  if (other_means) *other_means = found.machine;
}

std::optional<std::string> resume_newest(const std::string& run, Stepper& stepper, const RunIdentity& identity,
                                         std::string* other_means) {
  auto* const comm = stepper.comm();
  const bool speaks = !comm || comm->rank() == 0;
  std::string names;  // as rank 0 sees them, newest last
  if (speaks)
    for (const auto& path : snapshots_of(run)) names += fs::path(path).filename().string() + "\n";
  names = shared_text(comm, names);
  while (!names.empty()) {
    names.pop_back();
    const auto last = names.rfind('\n') + 1;  // 0 when there is none
    const auto folder = run + "/checkpoints/" + names.substr(last);
    names.resize(last);
    try {
      resume_from(folder, stepper, identity, other_means);
      return folder;
    } catch (const Error& error) {
      if (error.status() != Status::format && error.status() != Status::not_found) throw;
      if (speaks) log_warning(cat("passed over: ", error.message()));
    }
  }
  return {};
}

std::string parameter_hash(Stepper& stepper) {
  return values_hash(stepper.network().learners(), [&](const Learner& learner, const AddNumbers& add) {
    const auto values = stepper.fetch(0, learner.begin, learner.count());
    add(values.const_data_ptr<float>(), values.numel());
  });
}

}  // namespace llava::core
