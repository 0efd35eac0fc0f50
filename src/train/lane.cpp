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
      projector_unit_(learners.open_unit()),
      projector_(projector_of(learners, config)),
      decoder_(learners, config.language, lora) {}

void Lane::finish() {
  for (const auto& layer : projector_) projector_learns_ = projector_learns_ || layer.learns();
  decoder_.reach(tower_ || projector_learns_ || decoder_.table().learns());
  if (tower_) tower_->reach();
}

std::vector<Stage> Lane::stages(bool learning) const {
  using Part = Stage::Part;
  const auto table = decoder_.table_unit(), head = decoder_.head_unit();
  const bool tied = decoder_.head_is_table();
  std::vector<Stage> all;
  all.push_back({Part::table, 0, false, {table}, {}, {}});
  if (tower_) all.push_back({Part::tower_input, 0, false, {tower_->embedding_unit()}, {}, {}});
  for (size_t i = 0; tower_ && i < tower_->blocks(); ++i)
    all.push_back({Part::tower_block, i, false, {tower_->block_unit(i)}, {}, {}});
  all.push_back({Part::projector, 0, false, {projector_unit_}, {}, {}});
  for (size_t i = 0; i < decoder_.blocks(); ++i)
    all.push_back({Part::block, i, false, {decoder_.block_unit(i)}, {}, {}});
  all.push_back({Part::head, 0, false, {head}, {}, {}});
  if (tied) all.back().reads.push_back(table);
  if (!learning) return all;
  all.back().writes = all.back().reads;
  all.back().completes = {head};
  const auto back = [&](Part part, size_t index, size_t unit) {
    all.push_back({part, index, true, {unit}, {unit}, {unit}});
  };
  for (size_t i = decoder_.blocks(); i-- > decoder_.lowest();) back(Part::block, i, decoder_.block_unit(i));
  if (decoder_.table().learns()) {
    back(Part::table, 0, table);
    all.back().reads = {};
  }
  if (projector_learns_ || tower_) back(Part::projector, 0, projector_unit_);
  if (!tower_) return all;
  for (size_t i = tower_->blocks(); i-- > tower_->lowest();) back(Part::tower_block, i, tower_->block_unit(i));
  if (tower_->embedding_learns()) back(Part::tower_input, 0, tower_->embedding_unit());
  return all;
}

void Lane::begin(const MicroBatch& batch, double weight, bool learning) {
  now_ = {&batch, weight, 0, learning, {}, {}};
  if (batch.labels() > 0) decoder_.prepare(batch);
}

void Lane::run(const Stage& stage, const Cancel& cancel) {
  if (now_.batch->labels() == 0) return;
  cancel.poll("training");
  stage.back ? go_back(stage) : go(stage, cancel);
}

LaterNumber Lane::end() {
  const auto loss = now_.loss;
  now_ = {};
  return loss;
}

void Lane::go(const Stage& stage, const Cancel& cancel) {
  const auto& batch = *now_.batch;
  const bool pictures = batch.pixels_N3SS.defined();
  switch (stage.part) {
    case Stage::Part::table:
      return embed_words();
    case Stage::Part::tower_input:
      if (pictures) tower_->embed(batch, now_.learning);
      return;
    case Stage::Part::tower_block:
      if (pictures) tower_->forward(stage.index, batch, now_.learning);
      return;
    case Stage::Part::projector:
      if (pictures) put_pictures(cancel);
      return;
    case Stage::Part::block:
      now_.x_TD = now_.learning ? decoder_.forward(stage.index, std::move(now_.x_TD), batch)
                                : decoder_.evaluate(stage.index, std::move(now_.x_TD), batch);
      return;
    case Stage::Part::head:
      return take_loss();
  }
}

void Lane::go_back(const Stage& stage) {
  const auto& batch = *now_.batch;
  const bool pictures = batch.pictures() > 0;
  switch (stage.part) {
    case Stage::Part::block:
      now_.dx_TD = decoder_.backward(stage.index, std::move(now_.dx_TD), batch);
      return;
    case Stage::Part::table:
      return add_embedding_gradient(decoder_.table().gradient, batch.text_ids,
                                    now_.dx_TD.index_select(0, batch.text_rows));
    case Stage::Part::projector:
      if (pictures) pictures_backward();
      return;
    case Stage::Part::tower_block:
      if (pictures) tower_->backward(stage.index);
      return;
    case Stage::Part::tower_input:
      if (pictures) tower_->embed_backward(batch);
      return;
    case Stage::Part::head:
      throw Error(Status::internal, "the head has no stage on the way back");
  }
}

// [T, D]: token rows; picture rows come to their places later
void Lane::embed_words() {
  const auto& batch = *now_.batch;
  now_.x_TD = at::empty({batch.rows(), config_.language.width}, learners_.place().rows());
  now_.x_TD.index_copy_(0, batch.text_rows,
                        embedding(batch.text_ids, decoder_.table().weight).to(now_.x_TD.scalar_type()));
}

void Lane::put_pictures(const Cancel& cancel) {
  const auto& batch = *now_.batch;
  now_.x_TD.index_copy_(0, batch.image_rows, project(features(cancel)).index_select(0, batch.image_sources));
}

// [N * P, C]
at::Tensor Lane::features(const Cancel& cancel) {
  if (tower_) return tower_->features();
  const auto states = frozen_tower_->hidden_states(now_.batch->pixels_N3SS, feature_blocks(config_), cancel);
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

void Lane::take_loss() {
  auto result = decoder_.loss(now_.x_TD, *now_.batch, now_.weight);
  now_.x_TD.reset();
  now_.loss = result.loss;
  if (now_.learning) now_.dx_TD = std::move(result.dhidden_RD);
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

void Lane::pictures_backward() {
  const auto& batch = *now_.batch;
  auto drows_RD =
      at::zeros({batch.pictures() * config_.tokens_per_image(), config_.language.width}, now_.dx_TD.options());
  drows_RD.index_copy_(0, batch.image_sources, now_.dx_TD.index_select(0, batch.image_rows));
  auto dfeatures_RC = project_backward(drows_RD);
  if (tower_) tower_->turn(std::move(dfeatures_RC), batch);
}

LaterNumber Lane::loss(const MicroBatch& batch, double weight, const Cancel& cancel) {
  begin(batch, weight, false);
  for (const auto& stage : stages(false)) run(stage, cancel);
  return end();
}

LaterNumber Lane::pass(const MicroBatch& batch, double weight, const Cancel& cancel) {
  gradient().zero_();  // the parts that this batch does not reach stay zero
  begin(batch, weight, true);
  for (const auto& stage : stages(true)) run(stage, cancel);
  return end();
}

}  // namespace llava::core
