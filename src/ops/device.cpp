// Names of devices and what they have.
#include "ops/device.hpp"

#include <cpuid.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "base/control_group.hpp"
#include "base/error.hpp"
#include "ops/cuda/launch.hpp"

namespace llava::core {
namespace {

std::string cpu_name() {
  unsigned words[12] = {};
  if (__get_cpuid_max(0x80000000u, nullptr) < 0x80000004u) return "unknown CPU";
  for (unsigned leaf = 0; leaf < 3; ++leaf)
    __get_cpuid(0x80000002u + leaf, &words[4 * leaf], &words[4 * leaf + 1], &words[4 * leaf + 2], &words[4 * leaf + 3]);
  const char* text = reinterpret_cast<const char*>(words);
  std::string name(text, strnlen(text, sizeof words));
  name.erase(0, name.find_first_not_of(' '));
  return name.empty() ? "unknown CPU" : name;
}

// MemAvailable of /proc/meminfo; where that cannot be read, the pages nobody uses.
int64_t machine_free_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  int64_t kilobytes = 0;
  while (file >> word)
    if (word == "MemAvailable:" && file >> kilobytes) return kilobytes << 10;
  return int64_t{sysconf(_SC_AVPHYS_PAGES)} * sysconf(_SC_PAGESIZE);
}

int64_t cpu_free_bytes() { return std::min(machine_free_bytes(), control_group_free_bytes()); }

[[noreturn]] void refuse(std::string_view text) {
  throw Error(Status::argument, cat("device \"", text, "\" is not known; expected cpu, cuda or cuda:N"));
}

}  // namespace

DeviceName device_name(std::string_view text) {
  if (text == "cpu") return {};
  if (text.substr(0, 4) != "cuda") refuse(text);
  DeviceName name{true, -1};
  if (const auto rest = text.substr(4); !rest.empty()) {
    const auto digits = rest.substr(1);
    const auto end = digits.data() + digits.size();
    if (rest[0] != ':' || digits.empty() || digits.size() > 3 || digits[0] == '-') refuse(text);
    if (const auto got = std::from_chars(digits.data(), end, name.index); got.ec != std::errc() || got.ptr != end)
      refuse(text);
  }
  return name;
}

c10::Device parse_device(std::string_view text) { return rank_device(text, 0); }

c10::Device rank_device(std::string_view text, int64_t local_rank) {
  const auto name = device_name(text);
  if (!name.cuda) return c10::Device(c10::kCPU);
  if (!cuda::has_cuda())
    throw Error(Status::unsupported, cat("device \"", text, "\": this build of libllava has no CUDA"));
  const int count = cuda::device_count();
  const int64_t index = name.index >= 0 ? name.index : count == 1 ? 0 : local_rank;
  if (index >= count) {
    const auto whose = name.index < 0 && local_rank > 0 ? cat(" of local rank ", local_rank) : "";
    throw Error(Status::not_found, cat("device \"", text, "\"", whose, ": ", count, " CUDA devices were found"));
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

std::optional<CardUse> card_use(const c10::Device& device) {
  if (!device.is_cuda()) return {};
  const auto use = cuda::device_use(device.index());
  return CardUse{cuda::device_memory(device.index()).name, use.allocated, use.peak_allocated};
}

at::Tensor copied_to(const c10::Device& device, const at::Tensor& x) {
  return device.is_cuda() && x.numel() > 0 ? x.pin_memory().to(device, /*non_blocking=*/true) : x.to(device);
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> all;
  all.push_back({"cpu", cpu_name(), int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE), cpu_free_bytes()});
  for (int index = 0; index < cuda::device_count(); ++index) {
    const auto memory = cuda::device_memory(index);
    all.push_back({cat("cuda:", index), memory.name, memory.total_bytes, memory.free_bytes});
  }
  return all;
}

}  // namespace llava::core
