// Memory limits of control groups, read below a folder that stands for "/".
#include "base/control_group.hpp"

#include <filesystem>
#include <fstream>

#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"

using namespace llava::core;

namespace {

class Root {
 public:
  explicit Root(const std::string& groups) { write("proc/self/cgroup", groups); }

  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = std::filesystem::path(folder_.path()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  void second(const std::string& group, const std::string& limit, int64_t used, int64_t inactive) {
    const auto folder = "sys/fs/cgroup/" + group + "/memory.";
    write(folder + "max", limit + "\n");
    write(folder + "current", std::to_string(used) + "\n");
    write(folder + "stat", "anon 7\ninactive_anon 5\ninactive_file " + std::to_string(inactive) + "\nactive_file 9\n");
  }

  int64_t free_bytes() const { return control_group_free_bytes(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_SUITE("base/control_group") {
  TEST_CASE("no file, no limit") {
    CHECK(control_group_free_bytes("/there/is/no/such/folder") == INT64_MAX);
    Root unlimited("0::/user.slice\n");
    unlimited.second("user.slice", "max", 500, 100);
    CHECK(unlimited.free_bytes() == INT64_MAX);
  }

  TEST_CASE("a service's own limit, a limit above it, and the container's root") {
    Root root("0::/system.slice/chat.service\n");
    root.second("system.slice/chat.service", "1000", 400, 100);
    CHECK(root.free_bytes() == 700);
    root.second("system.slice", "2000", 1900, 50);
    CHECK(root.free_bytes() == 150);
    root.second("", "5000", 4950, 0);
    CHECK(root.free_bytes() == 50);
    root.second("system.slice/other.service", "10", 10, 0);
    CHECK(root.free_bytes() == 50);
    root.second("", "100", 4950, 0);  // a limit that was lowered afterwards
    CHECK(root.free_bytes() == 0);
  }

  TEST_CASE("the first kind, with the other's hierarchy beside it; a group that is not seen from here") {
    Root root("12:cpu,cpuacct:/docker/4f\n9:memory:/docker/4f\n0::/docker/4f\n");
    root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000\n");
    root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1200\n");
    root.write("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 200\n");
    CHECK(root.free_bytes() == 2000);
    root.write("sys/fs/cgroup/memory/docker/4f/memory.limit_in_bytes", "9223372036854771712\n");
    root.write("sys/fs/cgroup/memory/docker/4f/memory.usage_in_bytes", "1\n");
    root.write("sys/fs/cgroup/memory/docker/4f/memory.stat", "total_inactive_file 900\n");
    CHECK(root.free_bytes() == 2000);
  }

  TEST_CASE("lines that are none") {
    Root root("memory\n::\n9:memory:relative\n0:\n\n");
    CHECK(root.free_bytes() == INT64_MAX);
  }
}
