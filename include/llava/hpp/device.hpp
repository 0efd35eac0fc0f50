/** @file device.hpp Devices and memory. */
#ifndef LLAVA_HPP_DEVICE_HPP
#define LLAVA_HPP_DEVICE_HPP

#include "base.hpp"

namespace llava {
inline namespace abi1 {

/** What a device is. Since 0.1. */
inline llava_device_desc device_info(int32_t device) {
  llava_device_desc desc = {};
  desc.struct_size = sizeof desc;
  detail::check(llava_device_info(device, &desc));
  return desc;
}

/** The CPU and every card that can be used. */
inline std::vector<llava_device_desc> devices() {
  std::vector<llava_device_desc> all;
  for (int32_t i = 0; i < llava_device_count(); ++i) all.push_back(device_info(i));
  return all;
}

/** The number of "cpu", "cuda:0", "auto", …. */
inline int32_t parse_device(const std::string& text) {
  int32_t device = 0;
  detail::check(llava_device_parse(detail::c_text(text, "text"), &device));
  return device;
}

/** How memory stands on a device. */
inline llava_device_usage device_memory(int32_t device = 0) {
  llava_device_usage usage = {};
  usage.struct_size = sizeof usage;
  detail::check(llava_device_memory(device, &usage));
  return usage;
}

/** Bytes a second the CPU reads from memory: measures for about a second, see llava_device_bandwidth(). */
inline double device_bandwidth(int32_t device = 0) {
  double bytes_per_second = 0;
  detail::check(llava_device_bandwidth(device, &bytes_per_second));
  return bytes_per_second;
}

/** Gives unused memory back; -1 for all devices. */
inline void trim(int32_t device = -1) { detail::check(llava_trim(device)); }

/** Threads that compute one operation, for the whole process. */
inline void set_threads(int32_t threads) { detail::check(llava_set_threads(threads)); }

}  // namespace abi1
}  // namespace llava

#endif
