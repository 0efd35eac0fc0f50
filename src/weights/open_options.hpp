// How weight files are opened; the same for every format.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/cancel.hpp"

namespace llava::core {

struct OpenOptions {
  /// false: read into memory of our own. A mapped file must not be rewritten in place or cut while it is open: touching
  /// a page that is gone raises SIGBUS, which ends the process and which no library may catch for its host.
  /// check_unchanged() (tensor_map.hpp) finds such a change before the weights are read; reading makes it harmless.
  bool map = true;
  bool allow_pickle = true;  // false: torch files are Error(unsupported); nothing in them is run either way
  bool checksums = false;    // true: compare the CRC-32 of every tensor of a torch archive too, which reads all of it
  Cancel cancel;
  std::function<void(int64_t done_bytes, int64_t total_bytes, std::string_view file)> progress;  // may throw to stop
};

}  // namespace llava::core
