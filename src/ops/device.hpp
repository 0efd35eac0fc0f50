// Devices by name: "cpu", "cuda", "cuda:0".
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

/// The device a text names; "cuda" is "cuda:0".
/// Throws Error(argument) for an unknown text, Error(unsupported) when this build has no CUDA, Error(not_found) when
/// there is no such card.
c10::Device parse_device(std::string_view text);

struct DeviceInfo {
  std::string id;    // "cpu", "cuda:0": what parse_device() takes
  std::string name;  // the maker's
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;  // now; on the CPU what can be had without swapping, and within the
                           // limit of the control group
};

/// The CPU first, then every usable card.
std::vector<DeviceInfo> devices();

}  // namespace llava::core
