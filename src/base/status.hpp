// The status numbers of the C ABI (include/llava/base.h), as the core knows them. They never change meaning;
// tests/capi checks that both lists agree.
#pragma once

#include <cstdint>

namespace llava::core {

enum class Status : int32_t {
  ok = 0,
  argument = 1,
  state = 2,
  busy = 3,
  not_found = 4,
  io = 5,
  format = 6,
  unsupported = 7,
  abi = 8,
  out_of_memory = 9,
  device_memory = 10,
  device = 11,
  context_full = 12,
  limit = 13,
  cancelled = 14,
  timeout = 15,
  callback = 16,
  buffer_too_small = 17,
  grammar = 18,
  distributed = 19,
  diverged = 20,
  end = 21,
  would_block = 22,
  internal = 99,
};

/// The name as in LLAVA_ERR_<NAME>; "UNKNOWN" for a number outside the list.
const char* status_name(int32_t status) noexcept;

}  // namespace llava::core
