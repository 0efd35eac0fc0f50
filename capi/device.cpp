// include/llava/device.h
#include <llava/device.h>

#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>

#include <cstring>
#include <fstream>

#include "arguments.hpp"
#include "device_number.hpp"
#include "ops/bandwidth.hpp"
#include "ops/device.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;

namespace {

constexpr int32_t kMostThreads = 1024;

// A line of /proc/self/status in bytes, e.g. "VmRSS:".
int64_t process_bytes(const char* name) {
  std::ifstream file("/proc/self/status");
  std::string word;
  int64_t kilobytes = 0;
  while (file >> word)
    if (word == name && file >> kilobytes) return kilobytes << 10;
  throw Error(Status::io, cat("/proc/self/status has no ", name));
}

c10::DeviceAllocator& card_allocator() { return *c10::getDeviceAllocator(c10::kCUDA); }

void fill_card(int32_t device, llava_device_usage& usage) {
  auto& allocator = card_allocator();
  if (!allocator.initialized()) return;
  const auto stats = allocator.getDeviceStats(static_cast<c10::DeviceIndex>(device - 1));
  usage.used_bytes = stats.allocated_bytes[0].current;
  usage.cached_bytes = stats.reserved_bytes[0].current - usage.used_bytes;
  usage.peak_bytes = stats.allocated_bytes[0].peak;
}

}  // namespace

namespace llava::capi {

std::string device_text(const char* text) {
  if (text && std::strcmp(text, "auto") != 0) return text;
  return core::devices().size() > 1 ? "cuda:0" : "cpu";
}

int32_t device_number(const c10::Device& device) {
  return device.is_cpu() ? 0 : 1 + std::max<int32_t>(device.index(), 0);
}

}  // namespace llava::capi

int32_t llava_device_count(void) {
  return guarded_value(0, [] { return static_cast<int32_t>(llava::core::devices().size()); });
}

llava_status llava_device_info(int32_t device, llava_device_desc* out) {
  return guarded({}, [&] {
    const auto all = llava::core::devices();
    check_index(device, static_cast<int64_t>(all.size()), "device");
    const auto& found = all[static_cast<size_t>(device)];
    llava_device_desc desc = {};
    desc.kind = device == 0 ? LLAVA_DEVICE_CPU : LLAVA_DEVICE_CUDA;
    desc.threads = device == 0 ? at::get_num_threads() : 0;
    desc.total_bytes = found.total_bytes;
    desc.free_bytes = found.free_bytes;
    put_text(desc.id, found.id);
    put_text(desc.name, found.name);
    fill_struct(out, desc, "llava_device_desc");
  });
}

llava_status llava_device_parse(const char* text, int32_t* out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const std::string name(text_argument(text, "text", 64));
    *out = device_number(llava::core::parse_device(device_text(name.c_str())));
  });
}

llava_status llava_device_memory(int32_t device, llava_device_usage* out) {
  return guarded({}, [&] {
    const auto all = llava::core::devices();
    check_index(device, static_cast<int64_t>(all.size()), "device");
    llava_device_usage usage = {};
    usage.free_bytes = all[static_cast<size_t>(device)].free_bytes;
    if (device > 0) {
      fill_card(device, usage);
    } else {
      usage.used_bytes = process_bytes("VmRSS:");
      usage.peak_bytes = process_bytes("VmHWM:");
    }
    fill_struct(out, usage, "llava_device_usage");
  });
}

llava_status llava_device_bandwidth(int32_t device, double* bytes_per_second) {
  return guarded(cleared(bytes_per_second), [&] {
    const Operation running;
    required(bytes_per_second, "bytes_per_second");
    check_index(device, static_cast<int64_t>(llava::core::devices().size()), "device");
    if (device != 0) throw Error(Status::unsupported, "the memory of a card is not measured here, expected device 0");
    *bytes_per_second = llava::core::read_bandwidth_gbs() * 1e9;
  });
}

llava_status llava_trim(int32_t device) {
  return guarded({}, [&] {
    const auto count = static_cast<int64_t>(llava::core::devices().size());
    if (device != -1) check_index(device, count, "device");
    if (device <= 0) malloc_trim(0);
    if (device != 0 && count > 1 && card_allocator().initialized()) card_allocator().emptyCache();
  });
}

llava_status llava_set_threads(int32_t threads) {
  return guarded({}, [&] {
    check_range(threads, 1, kMostThreads, "threads");
    const Operation::Pause nothing_runs;
    at::set_num_threads(threads);
  });
}
