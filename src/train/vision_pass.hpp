// The vision tower where it learns: forwards with everything its gradient needs, and backwards. The arithmetic of the
// forward half is model/vision's; a frozen tower is that one, and nothing of it is kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/config.hpp"
#include "ops/gradients.hpp"
#include "train/learning_affine.hpp"
#include "train/micro_batch.hpp"

namespace llava::core {

class VisionPass {
 public:
  /// Takes the blocks that the projector reads from; later ones have no gradient.
  VisionPass(Learners& learners, const ModelConfig& config);

  size_t blocks() const { return blocks_.size(); }

  /// Places in Learners::units().
  size_t embedding_unit() const { return embedding_unit_; }
  size_t block_unit(size_t block) const { return embedding_unit_ + 1 + block; }

  /// To be called once, after Learners::finish(): how far back gradients go.
  void reach();
  size_t lowest() const { return lowest_; }  // block to which backward() has to go
  bool embedding_learns() const;

  // Of each micro-batch with pictures, in this order. With `way_back` what backward() needs is kept: with Recompute::full
  // the input of each block, else all but norm outputs and activations.

  /// Pixels to the first block's input.
  void embed(const MicroBatch& batch, bool way_back);
  void forward(size_t block, const MicroBatch& batch, bool way_back);

  /// The features the projector reads, [N * P, C].
  at::Tensor features();

  /// Begins the way back, with the gradient of the features.
  void turn(at::Tensor dfeatures_RC, const MicroBatch& batch);

  /// The last block first.
  void backward(size_t block);
  void embed_backward(const MicroBatch& batch);

 private:
  struct Norm {
    Learner *weight, *bias;
    bool learns() const { return weight->learns() || bias->learns(); }
  };
  struct Block {
    Norm before_attention, before_mlp;
    LearningAffine query, key, value, out, up, down;
    bool learns() const;
  };
  struct Kept {  // of one block
    at::Tensor x_NPC, y_NPC, wide;
    PicturesAttention attention;
  };
  static Norm norm_of(Learners& learners, const std::string& name, int64_t width);
  at::Tensor normalise(const at::Tensor& x_NPC, const Norm& norm) const;
  void add_gradient(at::Tensor& dx_NPC, const at::Tensor& dy_NPC, const at::Tensor& x_NPC, const Norm& norm) const;
  at::Tensor embedded(const at::Tensor& pixels_N3SS) const;
  void learn_embedding(const at::Tensor& dx_NPC, const at::Tensor& pixels_N3SS) const;
  void prepare(const Block& block, Kept& kept) const;
  at::Tensor backward_block(const Block& block, at::Tensor dz_NPC, Kept& kept) const;
  void note_state(size_t block);
  void add_state_gradient(size_t block);

  ModelConfig config_;
  bool exact_;                   // ComputePlace
  std::vector<int64_t> wanted_;  // numbers of blocks after which a state is handed out
  Learner *class_embedding_, *patch_embedding_, *positions_;
  Norm before_blocks_;
  std::vector<Block> blocks_;
  size_t embedding_unit_ = 0, lowest_ = 0;
  std::vector<Kept> kept_;
  at::Tensor embedded_NPC_;         // before the first norm
  at::Tensor x_NPC_, dx_NPC_;       // on the way there, and back
  std::vector<at::Tensor> states_;  // those that are handed out
  at::Tensor dfeatures_RC_;
  int64_t images_ = 0;
};

}  // namespace llava::core
