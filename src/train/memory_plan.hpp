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

/// What learns.
struct LearningCount {
  int64_t parameters = 0, tensors = 0;
  int64_t added = 0;           // of the parameters, by a LoRA
  int64_t stored_bytes = 0;    // of the others in the checkpoint
  int64_t longest_unit = 0;    // parameters of the largest unit (train/learners)
  bool table_is_head = false;  // it learns, and is read and written at both ends
};

/// Bytes by item, and "total", of this process in the host's memory, above what it takes before the run; of several ranks,
/// of the first, which takes the most. At ZeRO level 3 frozen weights stay whole: they are mapped, and ranks of one
/// machine share their pages.
///
///   weights      every tensor of the checkpoint as it is stored: mapped, and read once (at level 3: its share of what learns)
///   parameters   f32 value, a gradient for each lane and both moments of what learns; what lies in shards (train/ranks)
///                divided by the ranks, with no gradient from level 2 on. With bf16 a value is 2 bytes and a remainder of
///                2, which lies as moments do
///   units        from level 2 on: a gradient for each lane of the largest unit; at level 3 also its values while they are read
///   exchange     of several ranks: three times the largest unit: what arrives, and Gloo's copies of what is gathered (with
///                93 million parameters 3.1 to 3.8 of them were measured, at all levels). At level 3, in a process that is
///                not llava-rank (cli/rank.cpp), values that come and go among activations may leave holes in the heap:
///                with units of 28 MB up to seven more of them were measured
///   sums         gradients of micro-batches on their way to the step's, this rank's shards: GradientSum::most_buffers()
///   activations  what the way back needs of the largest micro-batch (train/decoder_pass)
///   working      what is alive at the busiest moment besides: one block on its way back, or logits, or the vision tower; with
///                a LoRA an eighth of the activations too: rows of its products come and go among those that stay, and leave
///                holes in the heap (with 93 million parameters a twelfth to a quarter of them; none with a heap without holes)
///   snapshot     with save_async: the copy that is written while the run goes on
///   answers      with answer_every: the model's weights once more, mapped, as far as they do not learn; at level 3 also
///                what learns, gathered
///   samples      pixels made ahead by the loader
///   library      code and buffers of LibTorch that the first step brings in
///
/// With a device other than the CPU "parameters", "units", "exchange", "sums", "activations", "working" and "answers" are 0:
/// they lie there.
Json memory_plan(const LoadPlan& plan, const RunSettings& settings, const LearningCount& learning,
                 const LargestLeaf& leaf, int64_t ranks);

/// The same of a card, "parameters" to "answers" and:
///
///   weights      all that is frozen, in the type of the activations, whole on every rank at every ZeRO level
///   exchange     of several ranks: the largest unit once, which arrives: NCCL sends from the tensor itself. Not measured
///   library      the CUDA context and what libraries take for themselves: assumed, never measured
///
/// Nothing for the CPU.
std::optional<Json> card_memory_plan(const LoadPlan& plan, const RunSettings& settings, const LearningCount& learning,
                                     const LargestLeaf& leaf, int64_t ranks);

}  // namespace llava::core
