// What a run takes up, from shapes and counts alone. The report of a run has what was measured: peak_resident_bytes less
// resident_before_bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "base/json_value.hpp"
#include "checkpoint/plan.hpp"
#include "train/settings.hpp"

namespace llava::core {

/// The largest micro-batch of a run.
struct LargestLeaf {
  int64_t rows = 0, labels = 0, pictures = 0, longest = 0;
};

/// Bytes by item, and "total", of this process in the host's memory, above what it takes before the run:
///
///   weights      every tensor of the checkpoint as it is stored: mapped, and read once
///   parameters   f32 value, a gradient for each lane and both moments of what learns (bf16: and the rounded value)
///   sums         gradients of micro-batches on their way to the step's (train/gradient_sum)
///   activations  what the way back needs of the largest micro-batch (train/decoder_pass)
///   working      what is alive at the busiest moment besides: one block on its way back, or logits, or the vision tower
///   snapshot     with save_async: the copy that is written while the run goes on
///   answers      with answer_every: the model's weights once more, mapped, as far as they do not learn
///   samples      pixels made ahead by the loader
///   library      code and buffers of LibTorch that the first step brings in
///
/// With a device other than the CPU "parameters", "sums", "activations", "working" and "answers" are 0: they lie there.
Json memory_plan(const LoadPlan& plan, const RunSettings& settings, int64_t learning, const LargestLeaf& leaf);

/// The same of a card, "parameters" to "answers" and:
///
///   weights      all that is frozen, in the type of the activations
///   library      the CUDA context and what libraries take for themselves: assumed, never measured
///
/// Nothing for the CPU. `added` of the learning parameters are a LoRA's.
std::optional<Json> card_memory_plan(const LoadPlan& plan, const RunSettings& settings, int64_t learning, int64_t added,
                                     const LargestLeaf& leaf);

}  // namespace llava::core
