// What the control groups of this process leave it in memory.
#include "base/control_group.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>

namespace llava::core {
namespace {

struct Files {  // of a group's memory
  const char *limit, *used, *droppable;
};

constexpr Files kSecond{"memory.max", "memory.current", "inactive_file"};
constexpr Files kFirst{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

// The number a file holds; -1 where it holds none ("max") or is not there.
int64_t number_of(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  return file >> number ? number : -1;
}

// The number behind a word of a file, 0 where it is missing.
int64_t number_behind(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string word;
  int64_t number = 0;
  while (file >> word)
    if (word == key) return file >> number ? number : 0;
  return 0;
}

int64_t left_of(const std::string& folder, const Files& files) {
  const auto limit = number_of(folder + files.limit), used = number_of(folder + files.used);
  if (limit < 0 || used < 0) return INT64_MAX;
  const auto droppable = number_behind(folder + "memory.stat", files.droppable);
  return std::max<int64_t>(0, limit - std::max<int64_t>(0, used - droppable));
}

// Of the group `path` ("/" or "/a/b") and every one above it.
int64_t left_along(const std::string& mount, std::string path, const Files& files) {
  int64_t least = INT64_MAX;
  for (;;) {
    if (path.empty() || path.back() != '/') path += '/';
    least = std::min(least, left_of(mount + path, files));
    if (path.size() == 1) return least;
    path.resize(path.find_last_of('/', path.size() - 2) + 1);
  }
}

bool has_word(std::string_view list, std::string_view word) {
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    if (list.substr(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

int64_t control_group_free_bytes(const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  int64_t least = INT64_MAX;
  for (std::string line;
       std::getline(groups, line);) {  // number:controllers:path; without controllers it is the second kind
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const auto controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty())
      least = std::min(least, left_along(root + "/sys/fs/cgroup", path, kSecond));
    else if (has_word(controllers, "memory"))
      least = std::min(least, left_along(root + "/sys/fs/cgroup/memory", path, kFirst));
  }
  return least;
}

}  // namespace llava::core
