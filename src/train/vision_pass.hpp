// The vision tower where it learns: forwards with everything its gradient needs, and backwards. The arithmetic of the
// forward half is model/vision's; a frozen tower is that one, and nothing of it is kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/cancel.hpp"
#include "model/config.hpp"
#include "ops/gradients.hpp"
#include "train/learning_affine.hpp"
#include "train/micro_batch.hpp"

namespace llava::core {

class VisionPass {
 public:
  /// Takes the blocks that the projector reads from; later ones have no gradient.
  VisionPass(Learners& learners, const ModelConfig& config);

  /// Pixels of the batch -> the features the projector reads, [N * P, C]. Keeps what backward() needs: with
  /// Recompute::full the input of each block, else all but norm outputs and activations.
  at::Tensor forward(const MicroBatch& batch, const Cancel& cancel);

  /// The same without a way back.
  at::Tensor evaluate(const MicroBatch& batch, const Cancel& cancel);

  /// From the gradient of the features to those of all that learns.
  void backward(const at::Tensor& dfeatures_RC, const MicroBatch& batch, const Cancel& cancel);

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
  at::Tensor embed(const at::Tensor& pixels_N3SS) const;
  void embed_backward(const at::Tensor& dx_NPC, const at::Tensor& pixels_N3SS) const;
  void prepare(const Block& block, Kept& kept) const;
  at::Tensor backward_block(const Block& block, at::Tensor dz_NPC, Kept& kept) const;
  at::Tensor run(const MicroBatch& batch, bool way_back, const Cancel& cancel);
  at::Tensor state_gradient(const at::Tensor& dfeatures_RC, int64_t images, size_t state) const;
  bool embedding_learns() const;

  ModelConfig config_;
  bool exact_;                   // ComputePlace
  std::vector<int64_t> wanted_;  // numbers of blocks after which a state is handed out
  Learner *class_embedding_, *patch_embedding_, *positions_;
  Norm before_blocks_;
  std::vector<Block> blocks_;
  std::vector<Kept> kept_;
  at::Tensor embedded_NPC_;  // before the first norm
};

}  // namespace llava::core
