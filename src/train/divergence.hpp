// Where a step went wrong: its micro-batches are computed once more, one by one, and looked at.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "train/stepper.hpp"

namespace llava::core {

/// Of this rank's leaves of the step that stands next, with the state as it is before it: which have pixels, a loss or
/// gradients that are not finite, and of these the first by name on the way back. "" when nothing of them is other than
/// finite. A step is a function of that state and its samples, so this sees the very numbers again. All ranks call this
/// together, with leaves of the same number.
///
/// It takes no more memory than the step did.
///
///   records   of each leaf, the samples' places in the data file, from 0
std::string what_diverged(Stepper& stepper, std::span<const Leaf> leaves,
                          const std::vector<std::vector<int64_t>>& records, const Cancel& cancel);

}  // namespace llava::core
