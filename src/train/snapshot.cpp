// Writing, finding and reading snapshots.
#include "train/snapshot.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <filesystem>

#include "base/atomic_folder.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "comm/agree.hpp"
#include "weights/safetensors.hpp"
#include "weights/safetensors_writer.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "llava-snapshot";
constexpr int64_t kVersion = 1;
constexpr const char* kState = "state.safetensors";
constexpr const char* kManifest = "manifest.json";
constexpr int64_t kManifestBytes = 1 << 20;
constexpr const char* kParts[] = {".value", ".first_moment", ".second_moment"};

std::string step_name(int64_t step) {
  const auto digits = std::to_string(step);
  return "step-" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits;
}

// One tensor of the file: where it lies in the flat buffers.
struct Entry {
  std::string name;
  std::vector<int64_t> shape;
  size_t part;
  int64_t begin, count;
};

std::vector<Entry> entries_of(Stepper& stepper) {
  std::vector<Entry> entries;
  for (const auto& learner : stepper.network().learners().all()) {
    if (!learner.learns()) continue;
    for (size_t part = 0; part < std::size(kParts); ++part)
      entries.push_back(
          {learner.name + kParts[part], learner.value.sizes().vec(), part, learner.begin, learner.value.numel()});
  }
  return entries;
}

std::string hash_of(const std::vector<Entry>& entries, const std::function<at::Tensor(const Entry&)>& data_of) {
  Hasher hasher;
  for (const auto& entry : entries) {
    const auto data = data_of(entry);
    hasher.add_field(entry.name).add(data.const_data_ptr<float>(), data.nbytes());
  }
  return to_hex(hasher.digest());
}

at::Tensor& buffer_of(TrainingState& state, size_t part) {
  return part == 0 ? state.values : part == 1 ? state.first_moment : state.second_moment;
}

std::string hash_of(const std::vector<Entry>& entries, TrainingState& state) {
  return hash_of(entries,
                 [&](const Entry& entry) { return buffer_of(state, entry.part).narrow(0, entry.begin, entry.count); });
}

// The moments may lie in shards: all ranks take part in gathering them, rank 0 writes. After a failure it goes on taking
// part, as the others do not know of it yet.
class Saving {
 public:
  explicit Saving(Stepper& stepper) : stepper_(stepper), comm_(stepper.comm()) {
    if (comm_) comm_->progress("saving a snapshot", Doing::slow);
  }

  at::Tensor data_of(const Entry& entry) const { return stepper_.fetch(entry.part, entry.begin, entry.count); }

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
  std::vector<int64_t> order(const std::optional<SafetensorsWriter>& file, size_t count) const {
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

void read_state(const std::string& path, const std::vector<Entry>& entries, TrainingState& state) {
  OpenOptions open;
  open.map = false;
  const auto tensors = open_safetensors(path, open);
  if (tensors.size() != entries.size())
    throw Error(Status::format, cat(path, ": has ", tensors.size(), " tensors, this run has ", entries.size()));
  for (const auto& entry : entries) {
    const auto* view = tensors.find(entry.name);
    if (!view) throw Error(Status::format, cat(path, ": ", entry.name, " is missing"));
    if (view->dtype != DType::f32 || view->shape != entry.shape)
      throw Error(Status::format, cat(path, ": ", entry.name, " is ", shape_text(view->shape), ' ',
                                      dtype_name(view->dtype), ", expected ", shape_text(entry.shape), " f32"));
    std::memcpy(buffer_of(state, entry.part).data_ptr<float>() + entry.begin, view->data, view->size_bytes);
  }
}

// A setting that may change on the way: what was skipped was allowed then, and what comes is allowed now.
constexpr const char* kFree = "skip_bad";

// Every setting whose value is not the same, with both values.
void compare_settings(const std::string& folder, const Json& saved, const Json& now) {
  std::string text;
  const auto differ = [&](const std::string& key, const Json* before, const Json* after) {
    const auto value = [](const Json* json) { return json ? json->dump() : std::string("absent"); };
    if (key != kFree && value(before) != value(after))
      text += cat(text.empty() ? "" : "; ", key, " is ", value(after), " now and was ", value(before));
  };
  for (const auto& [key, value] : saved.items()) differ(key, &value, now.find(key));
  for (const auto& [key, value] : now.items())
    if (!saved.contains(key)) differ(key, nullptr, &value);
  if (!text.empty()) throw Error(Status::argument, cat(folder, ": made with other settings: ", text));
}

std::vector<TensorOutline> outlines_of(const std::vector<Entry>& entries) {
  std::vector<TensorOutline> outlines;
  for (const auto& entry : entries) outlines.push_back({entry.name, DType::f32, entry.shape});
  return outlines;
}

Json manifest_of(Stepper& stepper, const Json& settings, int64_t state_bytes, const std::string& state_hash) {
  return Json::object({{"format", kFormat},
                       {"version", kVersion},
                       {"step", stepper.state().steps_done},
                       {"settings", settings},
                       {"state_bytes", state_bytes},
                       {"state_xxh3", state_hash},
                       {"parameters_xxh3", parameter_hash(stepper)}});
}

void prune(const std::string& run, int64_t keep) {
  const auto all = snapshots_of(run);
  for (size_t i = 0; i + static_cast<size_t>(std::max<int64_t>(1, keep)) < all.size(); ++i) {
    std::error_code ignored;                        // what cannot be deleted now is tried again at the next save
    fs::remove(all[i] + "/" + kManifest, ignored);  // first: a snapshot without it is none
    fs::remove_all(all[i], ignored);
  }
}

// Returns the state's hash.
std::string read_snapshot(const std::string& folder, Stepper& stepper, const Json& settings, TrainingState& state) {
  const auto place = folder + "/" + kManifest, path = folder + "/" + kState;
  const auto manifest = parse_json(read_file(place, kManifestBytes, place), place);
  if (read_string(manifest, "format", place) != kFormat) throw Error(Status::format, cat(place, ": no snapshot"));
  read_int(manifest, "version", place, kVersion, kVersion);
  const auto* saved = manifest.find("settings");
  if (!saved || !saved->is_object()) throw Error(Status::format, cat(place, ": settings is missing"));
  compare_settings(folder, *saved, settings);
  state.steps_done = read_int(manifest, "step", place, 0, INT64_MAX);
  const auto bytes = read_int(manifest, "state_bytes", place, 0, INT64_MAX);
  std::error_code failure;
  const auto found = fs::file_size(path, failure);
  if (failure) throw Error(Status::not_found, cat(path, ": ", failure.message()));
  if (static_cast<int64_t>(found) != bytes)
    throw Error(Status::format, cat(path, ": has ", found, " bytes, ", kManifest, " says ", bytes));
  const auto& now = stepper.state();
  for (size_t part = 0; part < std::size(kParts); ++part) buffer_of(state, part) = at::zeros_like(now.values);
  const auto entries = entries_of(stepper);
  read_state(path, entries, state);
  auto hash = hash_of(entries, state);
  if (hash != read_string(manifest, "state_xxh3", place))
    throw Error(Status::format, cat(path, ": its hash is not the one in ", kManifest));
  return hash;
}

}  // namespace

void save_snapshot(const std::string& run, Stepper& stepper, const Json& settings, int64_t keep) {
  const c10::InferenceMode no_gradients;
  const auto target = run + "/checkpoints/" + step_name(stepper.state().steps_done);
  const auto entries = entries_of(stepper);
  Saving saving(stepper);
  std::optional<AtomicFolder> folder;
  std::optional<SafetensorsWriter> file;
  saving.alone([&] {
    std::error_code failure;
    fs::create_directories(run + "/checkpoints", failure);
    if (failure) throw Error(Status::io, cat(run, "/checkpoints: cannot be made: ", failure.message()));
    if (!file_exists(target + "/" + kManifest)) fs::remove_all(target, failure);  // what prune() left half deleted
    folder.emplace(target, /*replace=*/true, kManifest);                          // one that is there goes at commit()
    file.emplace(folder->path() + "/" + kState, outlines_of(entries), SafetensorsMetadata{{"format", kFormat}});
  });
  for (const auto index : saving.order(file, entries.size())) {
    const auto data = saving.data_of(entries[static_cast<size_t>(index)]);
    saving.alone([&] { file->write(data.const_data_ptr<float>(), data.nbytes()); });
  }
  const auto hash = hash_of(entries, [&](const Entry& entry) { return saving.data_of(entry); });
  saving.alone([&] {
    file->commit();
    const auto bytes = file_size(folder->path() + "/" + kState);
    write_file_atomically(folder->path() + "/" + kManifest, manifest_of(stepper, settings, bytes, hash).dump(2) + "\n");
    folder->commit();
    prune(run, keep);
  });
  saving.finish();
}

std::vector<std::string> snapshots_of(const std::string& run) {
  std::vector<std::string> found;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(run + "/checkpoints", failure)) {
    const auto name = entry.path().filename().string();
    const bool numbered = name.size() >= 13 && name.starts_with("step-") &&
                          std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (numbered && file_exists(entry.path().string() + "/" + kManifest)) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  return found;
}

void resume_from(const std::string& folder, Stepper& stepper, const Json& settings) {
  const c10::InferenceMode no_gradients;
  auto* const comm = stepper.comm();
  if (comm) comm->progress("reading a snapshot", Doing::slow);
  TrainingState state;
  std::string hash;
  together(comm, [&] { hash = read_snapshot(folder, stepper, settings, state); });
  require_same(comm, folder + ": what the ranks find there", hash);
  stepper.restore(state);
}

std::optional<std::string> resume_newest(const std::string& run, Stepper& stepper, const Json& settings) {
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
      resume_from(folder, stepper, settings);
      return folder;
    } catch (const Error& error) {
      if (error.status() != Status::format && error.status() != Status::not_found) throw;
      if (speaks) log_warning(cat("passed over: ", error.message()));
    }
  }
  return {};
}

std::string parameter_hash(Stepper& stepper) {
  Hasher hasher;
  for (const auto& learner : stepper.network().learners().all())
    if (learner.learns())
      hasher.add_field(learner.name).add(learner.value.const_data_ptr(), static_cast<size_t>(learner.value.nbytes()));
  return to_hex(hasher.digest());
}

}  // namespace llava::core
