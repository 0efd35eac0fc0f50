// What a step makes of its samples before a model sees them: the weight of each learned token, and which samples share a
// row when nothing is padded. Pure functions of lengths and counts.
#pragma once

#include <cstdint>
#include <vector>

#include "data/record.hpp"

namespace llava::core {

enum class LossAverage {
  group,  // the mean over the tokens of each micro-batch, then over micro-batches: what the published runs do
  step    // the mean over all tokens of the step
};

/// For each sample of a step the weight of each of its learned tokens; the step's loss is the sum of weight times
/// cross-entropy over all of them, and nothing is divided afterwards.
///
///   targets      learned tokens of each sample, in order; samples [i N, (i + 1) N) are micro-batch i
///   micro_batch  N; the last one may be shorter
///
/// A micro-batch without a learned token takes no part in `group` (the original's loss is NaN there). Samples without
/// one get 0. Throws Error(argument) when no sample has any.
std::vector<double> token_weights(const std::vector<int64_t>& targets, int64_t micro_batch, LossAverage average);

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
