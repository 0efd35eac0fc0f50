// The LLaMA decoder forwards with everything its gradient needs, and backwards, layer by layer. The arithmetic of the
// forward half is model/language's.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/cancel.hpp"
#include "model/config.hpp"
#include "model/rope.hpp"
#include "ops/gradients.hpp"
#include "train/learners.hpp"
#include "train/micro_batch.hpp"

namespace llava::core {

class DecoderPass {
 public:
  DecoderPass(Learners& learners, const LanguageConfig& config);

  Learner& table() const { return *table_; }

  /// Rows [T, D] through all blocks: [T, D] before the final norm. Keeps what backward() needs until it has run.
  at::Tensor forward(const at::Tensor& x_TD, const MicroBatch& batch, const Cancel& cancel);

  /// The loss of the rows that have targets, each with `weight`, and its gradient with respect to x_TD.
  CrossEntropy loss(const at::Tensor& x_TD, const MicroBatch& batch, double weight);

  /// The gradient of forward()'s input from that of its output, in place; weight gradients on the way. With `to_input`
  /// false it ends at the lowest block that learns and returns an undefined tensor.
  at::Tensor backward(at::Tensor dx_TD, const MicroBatch& batch, bool to_input, const Cancel& cancel);

 private:
  struct Block {
    Learner *before_attention, *before_mlp;
    LearningAffine query, key, value, out, gate, up, down;
    bool learns() const;
  };
  struct Kept {  // of one block
    at::Tensor x_TD, attended, y_TD, gate, up;
    std::vector<AttentionPass> sequences;
  };
  at::Tensor attend(const Block& block, const at::Tensor& normed, const MicroBatch& batch, Kept& kept) const;
  at::Tensor attend_backward(const Block& block, const at::Tensor& dy_TD, const MicroBatch& batch, Kept& kept) const;
  at::Tensor forward_block(const Block& block, const at::Tensor& x_TD, const MicroBatch& batch, Kept& kept) const;
  at::Tensor backward_block(const Block& block, at::Tensor dz_TD, const MicroBatch& batch, Kept& kept) const;

  LanguageConfig config_;
  Learner *table_, *norm_, *head_;
  std::vector<Block> blocks_;
  std::vector<Kept> kept_;
  RopeTable angles_;  // a row for each row of the batch
};

}  // namespace llava::core
