// How many floating-point operations a training step needs: what TFLOP/s and MFU are counted with (as Chowdhery
// et al. 2022, appendix B, count them):
//
//   a product of a row with a matrix of n numbers   2n forward; 2n more for the gradient of the row, where something
//                                                   below learns; 2n more for that of the matrix, where it learns
//   causal attention of T rows over width h         2 h T^2 forward and 4 h T^2 back, per block
//   the head                                        only at rows whose next token is to be said
//   a frozen tower                                  forward only, once a picture
//
// So a row of a language model of n matrix numbers costs 6n where it learns and 4n where the gradient only goes through
// it. Norms, activations, rotations, the optimizer and whatever is computed twice to save memory do not count.
#pragma once

#include <cstdint>

#include "model/config.hpp"
#include "train/learners.hpp"
#include "train/low_rank.hpp"
#include "train/micro_batch.hpp"

namespace llava::core {

/// What a micro-batch, a step or a run consists of; sums of them are works as well.
struct Work {
  double rows = 0;
  double pairs = 0;  // of a row and one that it sees: T^2 / 2 for a sample of T rows, less under a window
  double labels = 0;
  double pictures = 0;
};
Work work_of(const MicroBatch& batch, const ModelConfig& config);

/// Operations for each unit of work.
struct FlopModel {
  double per_row = 0, per_pair = 0, per_label = 0, per_picture = 0;
};

/// `learns` as Network takes it.
FlopModel flop_model(const ModelConfig& config, const Learners::Mask& learns, const LoraRecipe& lora);

double flops_of(const FlopModel& model, const Work& work);

}  // namespace llava::core
