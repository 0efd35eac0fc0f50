// One pass through the network at a time: tower, projector and decoder there and back, on parameters that other lanes
// may read at the same time, with a gradient of its own.
#pragma once

#include <optional>
#include <vector>

#include "base/cancel.hpp"
#include "model/vision.hpp"
#include "train/decoder_pass.hpp"
#include "train/learners.hpp"
#include "train/micro_batch.hpp"
#include "train/vision_pass.hpp"

namespace llava::core {

class Lane {
 public:
  /// Takes what it needs of `learners`, but for the tower where `frozen_tower` stands for it; both are borrowed. Throws
  /// what DecoderPass's constructor throws.
  Lane(Learners& learners, const ModelConfig& config, const LoraRecipe& lora, const VisionTower* frozen_tower);

  /// To be called once, after Learners::finish(): how far back gradients go.
  void finish();

  /// Keeps the frozen matrices of the decoder's blocks in four bits.
  void pack_frozen(const Cancel& cancel) { decoder_.pack_frozen(cancel); }

  /// The sum over the batch's targets of weight * cross-entropy; gradient() is its gradient afterwards, zero for a batch
  /// without a target.
  LaterNumber pass(const MicroBatch& batch, double weight, const Cancel& cancel);

  /// The loss alone, without dropout.
  LaterNumber loss(const MicroBatch& batch, double weight, const Cancel& cancel);

  at::Tensor& gradient() { return learners_.gradient(); }

 private:
  at::Tensor features(const MicroBatch& batch, bool learning, const Cancel& cancel);
  at::Tensor project(const at::Tensor& features_RC);
  at::Tensor project_backward(const at::Tensor& drows_RD);
  at::Tensor rows(const MicroBatch& batch, bool learning, const Cancel& cancel);

  const ModelConfig& config_;
  Learners& learners_;
  const VisionTower* frozen_tower_;  // null: tower_ learns
  std::optional<VisionPass> tower_;
  std::vector<LearningAffine> projector_;
  DecoderPass decoder_;
  bool projector_learns_ = false;
  std::vector<at::Tensor> projector_inputs_;  // of each layer, before its activation from the second on
};

}  // namespace llava::core
