// The LLaMA decoder forwards with everything its gradient needs, and backwards, layer by layer. The arithmetic of the
// forward half is model/language's. What is kept between the two is the micro-batch's own choice (Recompute).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/cancel.hpp"
#include "model/config.hpp"
#include "model/rope.hpp"
#include "ops/gradients.hpp"
#include "train/learning_affine.hpp"
#include "train/micro_batch.hpp"

namespace llava::core {

class DecoderPass {
 public:
  /// Throws what check_lora() and low_rank() throw.
  DecoderPass(Learners& learners, const LanguageConfig& config, const LoraRecipe& lora);

  Learner& table() const { return *table_; }
  size_t blocks() const { return blocks_.size(); }

  /// Places in Learners::units(). A head that is the table has its norm in a unit of its own.
  size_t table_unit() const { return table_unit_; }
  size_t block_unit(size_t block) const { return table_unit_ + 1 + block; }
  size_t head_unit() const { return block_unit(blocks_.size()); }
  bool head_is_table() const { return head_ == table_; }

  /// Whether backward() goes on to the rows that the first block was given, or ends at the lowest block that learns. To be
  /// said once, after Learners::finish().
  void reach(bool input);
  size_t lowest() const { return lowest_; }  // block to which backward() has to go

  /// Keeps the frozen matrices of all blocks in four bits. After Learners::finish().
  void pack_frozen(const Cancel& cancel);

  /// To be called for each micro-batch, before its first block.
  void prepare(const MicroBatch& batch);

  /// Rows [T, D] through a block, in order: what the last gives is [T, D] before the final norm. Keeps what backward()
  /// needs until it has run.
  at::Tensor forward(size_t block, at::Tensor x_TD, const MicroBatch& batch);

  /// The same without a way back: nothing is kept and nothing dropped.
  at::Tensor evaluate(size_t block, at::Tensor x_TD, const MicroBatch& batch) const;

  /// The loss of the rows that have targets, each with `weight`, and its gradient with respect to x_TD.
  CrossEntropy loss(const at::Tensor& x_TD, const MicroBatch& batch, double weight) const;

  /// The gradient of a block's input from that of its output, in place, the last block first; weight gradients on the way.
  at::Tensor backward(size_t block, at::Tensor dx_TD, const MicroBatch& batch);

 private:
  struct Block {
    Learner *before_attention, *before_mlp;
    LearningAffine query, key, value, out, gate, up, down;
    bool learns() const;
  };
  struct Kept {  // of one block; norms and product are undefined where they are to be made again
    at::Tensor x_TD, norm_x_TD, attended, y_TD, norm_y_TD, gate, up, product;
    std::vector<AttentionPass> sequences;
  };
  struct Way {  // how a block is run
    Recompute recompute;
    DropoutDraw draw;
  };
  at::Tensor norm(const at::Tensor& x_TD, const Learner& weight) const;
  at::Tensor attend(const Block& block, const at::Tensor& normed, const MicroBatch& batch, const Way& way,
                    Kept& kept) const;
  at::Tensor attend_backward(const Block& block, const at::Tensor& dy_TD, const MicroBatch& batch, Kept& kept) const;
  at::Tensor product(const Block& block, const MicroBatch& batch, const Way& way, Kept& kept) const;
  at::Tensor backward_block(const Block& block, at::Tensor dz_TD, const MicroBatch& batch, Kept& kept) const;

  LanguageConfig config_;
  bool exact_;  // ComputePlace
  Learner *table_, *norm_, *head_;
  size_t table_unit_;
  std::vector<Block> blocks_;
  size_t lowest_ = 0;  // block that backward() reaches
  std::vector<Kept> kept_;
  RopeTable angles_;  // a row for each row of the batch
};

}  // namespace llava::core
