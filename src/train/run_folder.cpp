#include "train/run_folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "train/lengths.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kState = "run.json";
constexpr const char* kMetrics = "metrics.jsonl";
constexpr const char* kLock = "run.lock";
constexpr int64_t kStateBytes = 1 << 20;

void make_folder(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) throw Error(Status::io, cat(printable(path), ": cannot be made: ", failure.message()));
}

// "run.json.tmp-12-0": what base/files and base/atomic_folder write to until it is whole.
bool is_unfinished(const std::string& name) {
  const auto stem = name.substr(0, name.find(".tmp-"));
  return stem != name && (stem == kState || stem == kMetrics || stem == kLengthsFile || stem.starts_with("step-"));
}

void remove_unfinished(const std::string& path) {
  std::error_code failure;
  std::vector<fs::path> found;
  for (const auto& folder : {path, path + "/checkpoints"})
    for (const auto& entry : fs::directory_iterator(folder, failure))
      if (is_unfinished(entry.path().filename().string())) found.push_back(entry.path());
  for (const auto& file : found) {
    fs::remove_all(file, failure);
    if (failure)
      log_warning(cat(printable(file.string()), ": half written, and cannot be removed: ", failure.message()));
    else
      log_info(cat(printable(file.string()), ": half written by a process that was killed, and removed"));
  }
}

// Nothing in it, or what a run leaves that ended before its first step.
bool is_free(const std::string& path) {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(path, failure))
    if (entry.path().filename() != kLock && entry.path().filename() != kLengthsFile &&
        !is_unfinished(entry.path().filename().string()))
      return false;
  if (failure) throw Error(Status::io, cat(printable(path), ": cannot be read: ", failure.message()));
  return true;
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? repaired_utf8(name) : "unknown";
}

std::string time_now() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)};
}

Json read_state(const std::string& path) {
  const auto file = path + "/" + kState;
  return parse_json(read_file(file, kStateBytes), file);
}

std::string text_in(const Json& json, const char* key) {
  const auto* value = json.find(key);
  return !value ? "?" : value->is_string() ? value->string() : value->dump();
}

}  // namespace

RunFolder::RunFolder(std::string path, bool fresh) : path_(std::move(path)), began_(time_now()) {
  make_folder(path_);
  const bool run = file_exists(path_ + "/" + kState);
  if (!run && !is_free(path_))
    throw Error(Status::argument, cat(printable(path_), ": holds other things and no run; name a new folder"));
  lock_ = std::make_unique<FileLock>(path_ + "/" + kLock);
  remove_unfinished(path_);
  is_new_ = !file_exists(path_ + "/" + kState);
  if (is_new_) return;
  if (fresh)
    throw Error(Status::argument, cat(printable(path_), ": holds a run, and resume is never; name a new folder"));
  try {
    const auto before = read_state(path_);
    if (const auto* count = before.find("interruptions"); count && count->is_number_integer())
      interruptions_ = count->integer();
    if (text_in(before, "state") != "running") return;
    ++interruptions_;
    interrupted_ = cat("process ", text_in(before, "process"), " of ", text_in(before, "host"), ", begun ",
                       text_in(before, "began"), " UTC");
  } catch (const Error& error) {
    if (error.status() != Status::format) throw;
    log_warning(cat("what was said of the run so far cannot be read: ", error.message()));
  }
}

void RunFolder::write(Json summary, const char* state) const {
  summary.add("state", state);
  summary.add("process", static_cast<int64_t>(::getpid()));
  summary.add("host", host_name());
  summary.add("began", began_);
  summary.add("interruptions", interruptions_);
  write_file_atomically(path_ + "/" + kState, summary.dump(2) + "\n");
}

void RunFolder::take_in(const std::string& aside, const std::string& mark) const {
  std::error_code failure;
  fs::remove(path_ + "/" + mark, failure);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(aside)) names.push_back(entry.path().filename().string());
  std::stable_partition(names.begin(), names.end(), [&](const auto& name) { return name != mark; });
  for (const auto& name : names) {
    const auto target = path_ + "/" + name;
    fs::remove_all(target, failure);
    fs::rename(aside + "/" + name, target, failure);
    if (failure) throw Error(Status::io, cat(printable(target), ": cannot be moved there: ", failure.message()));
  }
}

Json run_status(const std::string& path) {
  if (!file_exists(path + "/" + kState))
    throw Error(Status::not_found, cat(printable(path), ": holds no ", kState, ", expected the folder of a run"));
  const auto held = FileLock::holder(path + "/" + kLock);
  auto state = read_state(path);  // after the look at the lock: who ends in between has written its end by now
  if (!state.is_object()) throw Error(Status::format, cat(path, "/", kState, ": is no object"));
  if (!held && text_in(state, "state") == "running") state.set("state", "interrupted");
  return state;
}

}  // namespace llava::core
