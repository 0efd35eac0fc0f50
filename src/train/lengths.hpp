// How long each record of a file is, for the orders that look at it. `grouped` makes a sample of every record to know, which
// takes minutes for a published set: so what was found lies in the folder of the run, for the processes that go on with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/feed.hpp"

namespace llava::core {

/// In the folder of a run; made whole or not at all.
inline constexpr const char* kLengthsFile = "lengths.bin";

/// data/order's lengths of `data` under these settings: positions for `grouped`, the original's words for `upstream`, negative
/// without a picture, -1 for what cannot be used; none for other orders. Taken from settings.out where that holds those of
/// this file, tokenizer and these rules; else every record is read (phase "lengths") and, with `write`, they are put there. A
/// file that is damaged or another's is made anew; one that cannot be read (a folder of that name) or written is told in the log.
/// Throws Error(io | cancelled | timeout), what `progress` throws.
std::vector<int64_t> order_lengths(const RunData& data, const RunSettings& settings, bool write,
                                   const CountProgress& progress, const Cancel& cancel);

}  // namespace llava::core
