// How fast this machine reads memory: what the speed of one token is measured against, since each one reads every
// weight.
#pragma once

#include <cstdint>

namespace llava::core {

/// Decimal gigabytes per second of a read-only stream over `bytes` of freshly written memory, with the threads of
/// at::get_num_threads(): the median of `rounds`. Needs `bytes` of memory for as long as it runs (about half a second
/// for the default on a laptop).
double read_bandwidth_gbs(int64_t bytes = int64_t{1} << 30, int rounds = 5);

}  // namespace llava::core
