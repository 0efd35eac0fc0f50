// What can be said of samples by their lengths alone: which share a row when nothing is padded, and what the original
// calls their length.
#pragma once

#include <cstdint>
#include <vector>

#include "data/record.hpp"

namespace llava::core {

/// Puts samples together so that each pack holds at most `capacity` positions: longest first, each into the fullest pack
/// that still has room (best fit decreasing; the first of equals). Packs are in the order in which they were opened, the
/// samples of a pack in the order in which they came.
///
///   lengths   positions of each sample, at least 1
///   returns   indices into `lengths`, each once
///
/// Throws Error(argument) naming a sample that is longer than the capacity or empty.
std::vector<std::vector<int64_t>> pack_samples(const std::vector<int64_t>& lengths, int64_t capacity);

/// What the original calls the length of a record, for OrderKind::upstream: blank-separated words of all turns, negative
/// where there is no picture.
int64_t word_length(const Record& record);

}  // namespace llava::core
