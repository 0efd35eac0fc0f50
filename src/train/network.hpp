// A LLaVA that learns: frozen tower, projector, decoder. One micro-batch in, a loss and the gradients of all learners out.
#pragma once

#include <memory>

#include "base/cancel.hpp"
#include "checkpoint/plan.hpp"
#include "model/vision.hpp"
#include "train/decoder_pass.hpp"
#include "train/learners.hpp"
#include "train/micro_batch.hpp"

namespace llava::core {

class Network {
 public:
  /// Takes the weights that the plan found; the plan is borrowed as long as this lives. Frozen weights stay mapped.
  /// Throws Error(unsupported) for a mask that takes in the vision tower and for models that cut pictures into tiles; what Learners::finish() throws.
  Network(const LoadPlan& plan, const Learners::Mask& learns, const Cancel& cancel);

  /// The sum over the batch's targets of weight * cross-entropy; learners().gradient() holds its gradient afterwards.
  /// The batch has at least one target.
  double pass(const MicroBatch& batch, double weight, const Cancel& cancel);

  /// The loss alone.
  double loss(const MicroBatch& batch, double weight, const Cancel& cancel);

  Learners& learners() { return learners_; }
  const ModelConfig& config() const { return config_; }

 private:
  at::Tensor features(const MicroBatch& batch, const Cancel& cancel) const;
  at::Tensor project(const at::Tensor& features_RC);
  void project_backward(const at::Tensor& drows_RD);
  at::Tensor rows(const MicroBatch& batch, const Cancel& cancel);

  ModelConfig config_;
  Parameters parameters_;
  Learners learners_;
  VisionTower vision_;
  std::vector<LearningAffine> projector_;
  DecoderPass decoder_;
  std::vector<at::Tensor> projector_inputs_;  // of each layer, before its activation from the second on
};

}  // namespace llava::core
