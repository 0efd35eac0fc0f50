// Samples side by side in one run of rows, without padding: what a forward pass of training works on.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace llava::core {

/// One conversation as token ids: what data/ makes of a record.
struct TrainingSample {
  std::vector<int64_t> ids;        // kImagePlace where a picture stands
  std::vector<uint8_t> learned;    // as long as ids; 1 = the model is to say this token
  std::vector<at::Tensor> pixels;  // f32 [3, S, S], one a place
};

/// What a pass keeps of its activations for the way back; h is the width of a decoder block, f its inner width. What is
/// not kept is computed again, from the same numbers by the same operations: gradients are equal to the bit.
///   keep   everything that is read again: 8h + 3f numbers a row and block where all weights learn. Where weights are
///          frozen nothing reads the inputs of their products, and it is what `cheap` is
///   cheap  all but norm outputs and the SwiGLU product: 6h + 2f
///   full   the input of each block, h, and what `keep` keeps of the one block that is on its way back
/// Measured (tests/bench/README.md): 12 blocks of h 768 and f 2048, all learning, 1024 rows: 620, 459 and 100 MB live at
/// most, where the formulas say 604, 428 and 38 + 50.
enum class Recompute : uint8_t { keep, cheap, full };

/// A policy for each micro-batch by its number of rows: the shortest keep most, and the rare long one still fits.
struct RecomputeLimits {
  int64_t keep_rows = 0;           // micro-batches of up to so many rows run with `keep`
  int64_t cheap_rows = INT64_MAX;  // others of up to so many with `cheap`, the rest with `full`
  Recompute choose(int64_t rows) const {
    return rows <= keep_rows ? Recompute::keep : rows <= cheap_rows ? Recompute::cheap : Recompute::full;
  }
};

/// What dropout draws from besides the recipe's seed. step < 0: nothing is dropped.
struct DropoutDraw {
  int64_t step = -1;      // counted from 0
  int64_t leaf = 0;       // of the step
  int64_t first_row = 0;  // of the leaf: where a part of it begins
};

struct MicroBatch {
  std::vector<int64_t> starts;           // of each sample's rows, and the end of the last
  at::Tensor pixels_N3SS;                // undefined without pictures
  at::Tensor positions_T;                // int64, of each row in its sample
  at::Tensor text_rows, text_ids;        // int64: which rows are tokens, and their ids
  at::Tensor image_rows, image_sources;  // int64: which rows are picture rows, and which row of [N * P, D] each one is
  at::Tensor target_rows, targets;       // int64: rows whose next row is to be said, and the ids of those
  Recompute recompute = Recompute::cheap;
  DropoutDraw draw;
  int64_t rows() const { return starts.back(); }
  int64_t longest() const;
  int64_t labels() const { return targets.size(0); }
  int64_t pictures() const { return pixels_N3SS.defined() ? pixels_N3SS.size(0) : 0; }

  /// The same on a device. To a card the copies go by way of pinned memory, and nobody waits for them.
  MicroBatch on(const at::Device& device) const;
};

/// `tokens_per_image` rows stand for each picture. Rows of a sample beyond `max_rows` are cut off (0 = none are), as the
/// original does after the splice.
/// Throws Error(argument) for ids outside 0 .. vocabulary - 1 and for pictures that do not match the places.
/// Source: LLaVA c121f04, llava/model/llava_arch.py, prepare_inputs_labels_for_multimodal.
MicroBatch make_micro_batch(const std::vector<const TrainingSample*>& samples, int64_t vocabulary,
                            int64_t tokens_per_image, int64_t max_rows);

/// The same in at most `parts` pieces, samples in their order and whole, with about as many rows each: at least one piece,
/// and none without a sample unless there is none at all.
std::vector<MicroBatch> make_micro_batches(const std::vector<const TrainingSample*>& samples, int64_t vocabulary,
                                           int64_t tokens_per_image, int64_t max_rows, int64_t parts);

}  // namespace llava::core
