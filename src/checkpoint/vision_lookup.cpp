// Looking for a vision tower.
#include "checkpoint/vision_lookup.hpp"

#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "checkpoint/folder.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRevisionBytes = 256;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const auto value = variable(name); !value.empty()) return value;
  if (const auto home = variable("HF_HOME"); !home.empty()) return home + "/hub";
  if (const auto cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache + "/huggingface/hub";
  const auto home = variable("HOME");
  return home.empty() ? "" : home + "/.cache/huggingface/hub";
}

bool is_repository(const std::string& name) {
  const auto slash = name.find('/');
  return slash != name.npos && slash > 0 && slash + 1 < name.size() && name.find('/', slash + 1) == name.npos &&
         name.find("..") == name.npos && name.front() != '.';
}

// "" when the repository has no snapshot to speak of
std::string snapshot_of(const std::string& repository) {
  const auto reference = repository + "/refs/main";
  std::error_code absent;
  if (fs::is_regular_file(reference, absent)) {
    auto revision = read_file(reference, kRevisionBytes);
    while (!revision.empty() && (revision.back() == '\n' || revision.back() == '\r')) revision.pop_back();
    const bool plain = !revision.empty() && revision.find_first_of("/\\") == revision.npos && revision[0] != '.';
    return plain ? repository + "/snapshots/" + revision : "";
  }
  std::string only;
  for (fs::directory_iterator entry(repository + "/snapshots", absent), last; !absent && entry != last;
       entry.increment(absent)) {
    if (!only.empty()) return "";
    only = entry->path().string();
  }
  return only;
}

class Search {
 public:
  /// True when that was it.
  bool look(const std::string& folder, const char* why) {
    place.looked.push_back(folder);
    if (!has_config(folder)) return false;
    place.folder = folder;
    place.why = why;
    return true;
  }

  bool look_around(const std::string& folder, const std::string& name, const char* why) {
    const auto last = fs::path(name).filename().string();
    return look(folder + "/" + name, why) || (last != name && !last.empty() && look(folder + "/" + last, why));
  }

  bool look_in_cache(const std::string& name) {
    const auto snapshot = hub_snapshot(name);
    return !snapshot.empty() && look(snapshot, "in the Hugging Face cache");
  }

  TowerPlace place;
};

}  // namespace

std::string hub_snapshot(const std::string& name) {
  const auto cache = hub_cache();
  if (cache.empty() || !is_repository(name)) return "";
  const auto slash = name.find('/');
  const auto repository = cat(cache, "/models--", name.substr(0, slash), "--", name.substr(slash + 1));
  const auto snapshot = snapshot_of(repository);
  return snapshot.empty() ? repository + "/snapshots/*" : snapshot;
}

TowerPlace find_vision_tower(const std::string& name, const std::string& asked, const std::string& model_folder) {
  Search search;
  if (!asked.empty()) {
    if (!search.look(asked, "named by the caller"))
      throw Error(Status::not_found, cat("vision_tower: ", asked, " is no folder with a config.json"));
    return search.place;
  }
  if (name.empty()) return search.place;
  const bool absolute = name.front() == '/';
  const bool found =
      absolute ? search.look(name, "named by config.json")
               : search.look_around(model_folder, name, "inside the model's folder") ||
                     search.look_around(fs::path(model_folder).parent_path().string(), name, "beside the model") ||
                     search.look_in_cache(name);
  (void)found;
  return search.place;
}

}  // namespace llava::core
