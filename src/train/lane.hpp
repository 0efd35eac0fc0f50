// One pass through the network at a time: tower, projector and decoder there and back, on parameters that other lanes
// may read at the same time, with a gradient of its own. A pass goes stage by stage, so that parameters need to be there,
// and gradients to be kept, for a stage alone.
#pragma once

#include <optional>
#include <vector>

#include "base/cancel.hpp"
#include "model/vision.hpp"
#include "train/decoder_pass.hpp"
#include "train/learners.hpp"
#include "train/micro_batch.hpp"
#include "train/stage.hpp"
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

  /// What a pass consists of; without `learning` the way there alone.
  std::vector<Stage> stages(bool learning) const;

  /// Begins a pass, which borrows the batch; then every stage in order; then end(), which gives the sum over the batch's
  /// targets of weight * cross-entropy. A batch without a target goes through with no work and no loss. With `learning`
  /// gradients are added to what their rooms hold, which is to be zero; without, nothing is dropped out.
  void begin(const MicroBatch& batch, double weight, bool learning);
  void run(const Stage& stage, const Cancel& cancel);
  LaterNumber end();

  /// All of that, where values and gradient are whole: gradient() is the batch's afterwards.
  LaterNumber pass(const MicroBatch& batch, double weight, const Cancel& cancel);

  /// The loss alone, where values are whole.
  LaterNumber loss(const MicroBatch& batch, double weight, const Cancel& cancel);

  at::Tensor& gradient() { return learners_.gradient(); }
  Learners& learners() { return learners_; }

 private:
  /// Of the pass under way.
  struct Running {
    const MicroBatch* batch = nullptr;
    double weight = 0;
    LaterNumber loss;
    bool learning = false;
    at::Tensor x_TD, dx_TD;
  };
  void go(const Stage& stage, const Cancel& cancel);
  void go_back(const Stage& stage);
  void embed_words();
  void put_pictures(const Cancel& cancel);
  void take_loss();
  void pictures_backward();
  at::Tensor features(const Cancel& cancel);
  at::Tensor project(const at::Tensor& features_RC);
  at::Tensor project_backward(const at::Tensor& drows_RD);

  const ModelConfig& config_;
  Learners& learners_;
  const VisionTower* frozen_tower_;  // null: tower_ learns
  std::optional<VisionPass> tower_;
  size_t projector_unit_;
  std::vector<LearningAffine> projector_;
  DecoderPass decoder_;
  bool projector_learns_ = false;
  std::vector<at::Tensor> projector_inputs_;  // of each layer, before its activation from the second on
  Running now_;
};

}  // namespace llava::core
