// Devices by name: "cpu", "cuda", "cuda:0".
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

/// The device a text names; "cuda" is "cuda:0".
/// Throws Error(argument) for an unknown text, Error(unsupported) when this build has no CUDA, Error(not_found) when
/// there is no such card.
c10::Device parse_device(std::string_view text);

/// A device as a text names it, before anybody looks whether it is there.
struct DeviceName {
  bool cuda = false;
  int index = -1;  // of the card; -1 where the text names none
};

/// Throws Error(argument) for an unknown text.
DeviceName device_name(std::string_view text);

/// The device of one of several processes on this machine: "cuda" is the card of that number, or the only one this process
/// sees. Throws what parse_device() throws.
c10::Device rank_device(std::string_view text, int64_t local_rank);

struct DeviceInfo {
  std::string id;    // "cpu", "cuda:0": what parse_device() takes
  std::string name;  // the maker's
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;  // now; on the CPU what can be had without swapping, and within the
                           // limits of its control groups
};

/// A card as this process uses it. Nothing for the CPU.
struct CardUse {
  std::string name;        // the driver's
  int64_t bytes = 0;       // in tensors, now
  int64_t peak_bytes = 0;  // and at most so far
};
std::optional<CardUse> card_use(const c10::Device& device);

/// `x`, of the CPU, on `device`: itself there; to a card by way of pinned memory, without waiting for the copy.
at::Tensor copied_to(const c10::Device& device, const at::Tensor& x);

/// The CPU first, then every usable card.
std::vector<DeviceInfo> devices();

}  // namespace llava::core
