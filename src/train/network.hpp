// A LLaVA that learns: tower, projector, decoder. One micro-batch in, a loss and the gradients of all learners out.
#pragma once

#include <memory>
#include <optional>

#include "base/cancel.hpp"
#include "checkpoint/plan.hpp"
#include "model/vision.hpp"
#include "train/decoder_pass.hpp"
#include "train/flops.hpp"
#include "train/learners.hpp"
#include "train/micro_batch.hpp"
#include "train/vision_pass.hpp"

namespace llava::core {

/// What a network is besides its checkpoint and what learns of it.
struct NetworkOptions {
  LoraRecipe lora;
  Precision precision = Precision::f32;
  bool nf4_base = false;  // frozen matrices of the language model's blocks are kept in four bits (ops/nf4): with LoRA
                          // beside them this is QLoRA. Head, table, projector and tower stay as they are
  int64_t multiple = Learners::kAlignment;  // of which the length of the flat buffers is one
};

class Network {
 public:
  /// Takes the weights that the plan found; the plan is borrowed as long as this lives. Frozen weights stay mapped.
  /// Throws Error(unsupported) for models that cut pictures into tiles; what check_lora(), low_rank() and
  /// Learners::finish() throw.
  Network(const LoadPlan& plan, const Learners::Mask& learns, const Cancel& cancel, const NetworkOptions& options = {});

  /// The sum over the batch's targets of weight * cross-entropy; learners().gradient() holds its gradient afterwards.
  /// The batch has at least one target.
  double pass(const MicroBatch& batch, double weight, const Cancel& cancel);

  /// The loss alone, without dropout.
  double loss(const MicroBatch& batch, double weight, const Cancel& cancel);

  /// Model FLOPs of pass() (train/flops).
  double flops(const MicroBatch& batch) const { return flops_of(flop_model_, work_of(batch, config_)); }

  Learners& learners() { return learners_; }
  const Learners& learners() const { return learners_; }
  const ModelConfig& config() const { return config_; }
  const NetworkOptions& options() const { return options_; }

 private:
  at::Tensor features(const MicroBatch& batch, bool learning, const Cancel& cancel);
  at::Tensor project(const at::Tensor& features_RC);
  at::Tensor project_backward(const at::Tensor& drows_RD);
  at::Tensor rows(const MicroBatch& batch, bool learning, const Cancel& cancel);

  ModelConfig config_;
  NetworkOptions options_;
  Parameters parameters_;
  Learners learners_;
  std::optional<VisionTower> frozen_tower_;  // one of the two
  std::optional<VisionPass> tower_;
  std::vector<LearningAffine> projector_;
  DecoderPass decoder_;
  FlopModel flop_model_;
  bool projector_learns_ = false;
  std::vector<at::Tensor> projector_inputs_;  // of each layer, before its activation from the second on
};

}  // namespace llava::core
