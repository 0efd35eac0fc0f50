// Writing, finding and reading snapshots.
#include "train/snapshot.hpp"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <filesystem>

#include "base/atomic_folder.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
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

const at::Tensor& buffer_of(const TrainingState& state, size_t part) {
  return part == 0 ? state.values : part == 1 ? state.first_moment : state.second_moment;
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

const float* data_of(const TrainingState& state, const Entry& entry) {
  return buffer_of(state, entry.part).const_data_ptr<float>() + entry.begin;
}

std::string hash_of(const std::vector<Entry>& entries, const TrainingState& state) {
  Hasher hasher;
  for (const auto& entry : entries)
    hasher.add_field(entry.name).add(data_of(state, entry), static_cast<size_t>(entry.count) * sizeof(float));
  return to_hex(hasher.digest());
}

void write_state(const std::string& path, const std::vector<Entry>& entries, const TrainingState& state) {
  std::vector<TensorOutline> outlines;
  for (const auto& entry : entries) outlines.push_back({entry.name, DType::f32, entry.shape});
  SafetensorsWriter writer(path, std::move(outlines), {{"format", kFormat}});
  for (const auto index : writer.order()) {
    const auto& entry = entries[index];
    writer.write(data_of(state, entry), static_cast<size_t>(entry.count) * sizeof(float));
  }
  writer.commit();
}

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
    std::memcpy(const_cast<at::Tensor&>(buffer_of(state, entry.part)).data_ptr<float>() + entry.begin, view->data,
                view->size_bytes);
  }
}

// Every setting whose value is not the same, with both values.
void compare_settings(const std::string& folder, const Json& saved, const Json& now) {
  std::string text;
  const auto differ = [&](const std::string& key, const Json* before, const Json* after) {
    const auto value = [](const Json* json) { return json ? json->dump() : std::string("absent"); };
    if (value(before) != value(after))
      text += cat(text.empty() ? "" : "; ", key, " is ", value(after), " now and was ", value(before));
  };
  for (const auto& [key, value] : saved.items()) differ(key, &value, now.find(key));
  for (const auto& [key, value] : now.items())
    if (!saved.contains(key)) differ(key, nullptr, &value);
  if (!text.empty()) throw Error(Status::argument, cat(folder, ": made with other settings: ", text));
}

void prune(const std::string& run, int64_t keep) {
  const auto all = snapshots_of(run);
  for (size_t i = 0; i + static_cast<size_t>(std::max<int64_t>(1, keep)) < all.size(); ++i) {
    std::error_code ignored;                        // what cannot be deleted now is tried again at the next save
    fs::remove(all[i] + "/" + kManifest, ignored);  // first: a snapshot without it is none
    fs::remove_all(all[i], ignored);
  }
}

}  // namespace

void save_snapshot(const std::string& run, Stepper& stepper, const Json& settings, int64_t keep) {
  const auto folder = run + "/checkpoints";
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw Error(Status::io, cat(folder, ": cannot be made: ", failure.message()));
  const auto& state = stepper.state();
  const auto target = folder + "/" + step_name(state.steps_done);
  const auto entries = entries_of(stepper);
  if (!file_exists(target + "/" + kManifest)) fs::remove_all(target, failure);  // what prune() left half deleted
  AtomicFolder written(target, /*replace=*/true, kManifest);                    // one that is there goes at commit()
  write_state(written.path() + "/" + kState, entries, state);
  const auto manifest =
      Json::object({{"format", kFormat},
                    {"version", kVersion},
                    {"step", state.steps_done},
                    {"settings", settings},
                    {"state_bytes", static_cast<int64_t>(fs::file_size(written.path() + "/" + kState))},
                    {"state_xxh3", hash_of(entries, state)},
                    {"parameters_xxh3", parameter_hash(stepper)}});
  write_file_atomically(written.path() + "/" + kManifest, manifest.dump(2) + "\n");
  written.commit();
  prune(run, keep);
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
  const auto place = folder + "/" + kManifest, path = folder + "/" + kState;
  const auto manifest = parse_json(read_file(place, kManifestBytes, place), place);
  if (read_string(manifest, "format", place) != kFormat) throw Error(Status::format, cat(place, ": no snapshot"));
  read_int(manifest, "version", place, kVersion, kVersion);
  const auto* saved = manifest.find("settings");
  if (!saved || !saved->is_object()) throw Error(Status::format, cat(place, ": settings is missing"));
  compare_settings(folder, *saved, settings);
  TrainingState state;
  state.steps_done = read_int(manifest, "step", place, 0, INT64_MAX);
  const auto bytes = read_int(manifest, "state_bytes", place, 0, INT64_MAX);
  std::error_code failure;
  const auto found = fs::file_size(path, failure);
  if (failure) throw Error(Status::not_found, cat(path, ": ", failure.message()));
  if (static_cast<int64_t>(found) != bytes)
    throw Error(Status::format, cat(path, ": has ", found, " bytes, ", kManifest, " says ", bytes));
  const auto& now = stepper.state();
  state.values = at::zeros_like(now.values);
  state.first_moment = at::zeros_like(now.values);
  state.second_moment = at::zeros_like(now.values);
  const auto entries = entries_of(stepper);
  read_state(path, entries, state);
  if (hash_of(entries, state) != read_string(manifest, "state_xxh3", place))
    throw Error(Status::format, cat(path, ": its hash is not the one in ", kManifest));
  stepper.restore(state);
}

std::optional<std::string> resume_newest(const std::string& run, Stepper& stepper, const Json& settings) {
  const auto all = snapshots_of(run);
  for (size_t i = all.size(); i-- > 0;) {
    try {
      resume_from(all[i], stepper, settings);
      return all[i];
    } catch (const Error& error) {
      if (error.status() != Status::format && error.status() != Status::not_found) throw;
      log_warning(cat("passed over: ", error.message()));
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
