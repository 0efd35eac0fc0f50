// How the C ABI counts devices: 0 is the CPU, 1 the first card.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

namespace llava::capi {

/// What ops/device understands: NULL and "auto" become the first card, else the CPU.
std::string device_text(const char* text);

int32_t device_number(const c10::Device& device);

}  // namespace llava::capi
