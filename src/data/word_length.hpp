// What the original calls the length of a sample. Nothing else is to be planned of a batch: the samples of a micro-batch
// lie side by side as rows without padding (train/micro_batch), so there is nothing to pack.
#pragma once

#include <cstdint>

#include "data/record.hpp"

namespace llava::core {

/// What the original calls the length of a record, for OrderKind::upstream: blank-separated words of all turns, negative
/// where there is no picture.
int64_t word_length(const Record& record);

}  // namespace llava::core
