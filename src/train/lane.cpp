// Forwards through everything, and back.
#include "train/lane.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "base/error.hpp"
#include "model/affine.hpp"
#include "ops/gradients.hpp"
#include "ops/ops.hpp"
#include "train/activation_gradient.hpp"

namespace llava::core {
namespace {

std::vector<LearningAffine> projector_of(Learners& learners, const ModelConfig& config) {
  std::vector<LearningAffine> layers;
  for (int64_t i = 0; i < config.projector.depth; ++i)
    layers.push_back(learning_affine(learners, cat("projector.linear_", i + 1), config.language.width,
                                     i == 0 ? config.feature_width() : config.language.width, config.projector.bias));
  return layers;
}

}  // namespace

Lane::Lane(Learners& learners, const ModelConfig& config, const LoraRecipe& lora, const VisionTower* frozen_tower)
    : config_(config),
      learners_(learners),
      frozen_tower_(frozen_tower),
      tower_(frozen_tower ? std::nullopt : std::make_optional<VisionPass>(learners, config)),
      projector_(projector_of(learners, config)),
      decoder_(learners, config.language, lora) {}

void Lane::finish() {
  for (const auto& layer : projector_) projector_learns_ = projector_learns_ || layer.learns();
  decoder_.reach(tower_ || projector_learns_ || decoder_.table().learns());
}

// [N * P, C]
at::Tensor Lane::features(const MicroBatch& batch, bool learning, const Cancel& cancel) {
  if (tower_) return learning ? tower_->forward(batch, cancel) : tower_->evaluate(batch, cancel);
  const auto states = frozen_tower_->hidden_states(batch.pixels_N3SS, feature_blocks(config_), cancel);
  return joined_features(states, config_.keep_class_token)
      .reshape({-1, config_.feature_width()})
      .to(learners_.place().activations);
}

at::Tensor Lane::project(const at::Tensor& features_RC) {
  projector_inputs_.clear();
  auto x = features_RC;
  for (const auto& layer : projector_) {
    projector_inputs_.push_back(x);
    x = layer.forward(projector_inputs_.size() > 1 ? activate(config_.projector.activation, x) : x);
  }
  return x;
}

// The gradient of the features, where the tower learns; else undefined.
at::Tensor Lane::project_backward(const at::Tensor& drows_RD) {
  auto dy = drows_RD;
  for (size_t i = projector_.size(); i-- > 0;) {
    const auto& before = projector_inputs_[i];
    const auto& layer = projector_[i];
    if (i == 0 && !tower_) {
      layer.learn(dy, before);
      dy.reset();
    } else if (i == 0) {
      dy = layer.backward(dy, before);
    } else {
      dy = layer.backward(dy, activate(config_.projector.activation, before));
      dy = activation_gradient(config_.projector.activation, dy, before);
    }
  }
  projector_inputs_.clear();
  return dy;
}

// [T, D]: token rows, and picture rows in their places
at::Tensor Lane::rows(const MicroBatch& batch, bool learning, const Cancel& cancel) {
  auto x_TD = at::empty({batch.rows(), config_.language.width}, learners_.place().rows());
  x_TD.index_copy_(0, batch.text_rows, embedding(batch.text_ids, decoder_.table().weight).to(x_TD.scalar_type()));
  if (batch.pixels_N3SS.defined())
    x_TD.index_copy_(0, batch.image_rows,
                     project(features(batch, learning, cancel)).index_select(0, batch.image_sources));
  return x_TD;
}

LaterNumber Lane::loss(const MicroBatch& batch, double weight, const Cancel& cancel) {
  if (batch.labels() == 0) return 0;
  const auto x_TD = decoder_.evaluate(rows(batch, false, cancel), batch, cancel);
  return decoder_.loss(x_TD, batch, weight).loss;
}

LaterNumber Lane::pass(const MicroBatch& batch, double weight, const Cancel& cancel) {
  gradient().zero_();  // the parts that this batch does not reach stay zero
  if (batch.labels() == 0) return 0;
  const auto x_TD = decoder_.forward(rows(batch, true, cancel), batch, cancel);
  const auto result = decoder_.loss(x_TD, batch, weight);
  const auto dx_TD = decoder_.backward(result.dhidden_RD, batch, cancel);
  if (decoder_.table().learns())
    add_embedding_gradient(decoder_.table().gradient, batch.text_ids, dx_TD.index_select(0, batch.text_rows));
  if ((projector_learns_ || tower_) && batch.pictures() > 0) {
    auto drows_RD = at::zeros({batch.pictures() * config_.tokens_per_image(), config_.language.width}, dx_TD.options());
    drows_RD.index_copy_(0, batch.image_sources, dx_TD.index_select(0, batch.image_rows));
    const auto dfeatures_RC = project_backward(drows_RD);
    if (tower_) tower_->backward(dfeatures_RC, batch, cancel);
  }
  return result.loss;
}

}  // namespace llava::core
