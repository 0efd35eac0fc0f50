// What the control groups of this process leave it in memory.
#pragma once

#include <cstdint>
#include <string>

namespace llava::core {

/// The least that is left, in bytes, of the memory limits of this process's control group and of all above it, pages of files
/// that can be dropped counted as free; INT64_MAX without a limit. A container and a service of the system's are both such groups.
/// Groups that are named in /proc/self/cgroup and lie outside of what this process sees are left out. `root` stands before
/// every path that is read.
/// Source: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
int64_t control_group_free_bytes(const std::string& root = "");

}  // namespace llava::core
