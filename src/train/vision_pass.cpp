// CLIP's tower, there and back.
#include "train/vision_pass.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.hpp"
#include "model/affine.hpp"
#include "model/vision.hpp"
#include "ops/ops.hpp"
#include "train/activation_gradient.hpp"

namespace llava::core {

VisionPass::VisionPass(Learners& learners, const ModelConfig& config)
    : config_(config), exact_(learners.place().exact), wanted_(feature_blocks(config)) {
  const auto& vision = config.vision;
  const int64_t width = vision.width, inner = vision.intermediate, patch = vision.patch_size;
  embedding_unit_ = learners.open_unit();
  class_embedding_ = learners.vector("vision.embeddings.class_embedding", width);
  patch_embedding_ = learners.matrix("vision.embeddings.patch_embedding.weight", {width, 3, patch, patch});
  positions_ = learners.table("vision.embeddings.position_embedding.weight", {1 + vision.patches(), width});
  before_blocks_ = norm_of(learners, "vision.pre_layrnorm", width);  // misspelt in every checkpoint
  for (int64_t i = 0; i < config.needed_vision_blocks(); ++i) {
    const auto name = cat("vision.encoder.layers.", i, '.');
    learners.open_unit();
    const auto affine = [&](const char* part, int64_t out, int64_t in) {
      return learning_affine(learners, name + part, out, in, /*bias=*/true);
    };
    Block block{};
    block.before_attention = norm_of(learners, name + "layer_norm1", width);
    block.query = affine("self_attn.q_proj", width, width);
    block.key = affine("self_attn.k_proj", width, width);
    block.value = affine("self_attn.v_proj", width, width);
    block.out = affine("self_attn.out_proj", width, width);
    block.before_mlp = norm_of(learners, name + "layer_norm2", width);
    block.up = affine("mlp.fc1", inner, width);
    block.down = affine("mlp.fc2", width, inner);
    blocks_.push_back(block);
  }
}

VisionPass::Norm VisionPass::norm_of(Learners& learners, const std::string& name, int64_t width) {
  return {learners.vector(name + ".weight", width), learners.vector(name + ".bias", width)};
}

bool VisionPass::Block::learns() const {
  for (const auto* affine : {&query, &key, &value, &out, &up, &down})
    if (affine->learns()) return true;
  return before_attention.learns() || before_mlp.learns();
}

bool VisionPass::embedding_learns() const {
  return class_embedding_->learns() || patch_embedding_->learns() || positions_->learns() || before_blocks_.learns();
}

void VisionPass::reach() {
  if (embedding_learns()) return;
  while (lowest_ < blocks_.size() && !blocks_[lowest_].learns()) ++lowest_;
}

at::Tensor VisionPass::normalise(const at::Tensor& x_NPC, const Norm& norm) const {
  return layer_norm(x_NPC, norm.weight->used, norm.bias->used, config_.vision.layer_norm_eps);
}

void VisionPass::add_gradient(at::Tensor& dx_NPC, const at::Tensor& dy_NPC, const at::Tensor& x_NPC,
                              const Norm& norm) const {
  add_layer_norm_gradient(dx_NPC, norm.weight->gradient, norm.bias->gradient, dy_NPC, x_NPC, norm.weight->used,
                          config_.vision.layer_norm_eps);
}

at::Tensor VisionPass::embedded(const at::Tensor& pixels_N3SS) const {
  const auto patches_NPX = patches(pixels_N3SS.to(positions_->used.scalar_type()), config_.vision.patch_size);
  const auto class_N1C = class_embedding_->used.expand({pixels_N3SS.size(0), 1, config_.vision.width});
  return at::cat({class_N1C, linear(patches_NPX, patch_embedding_->weight, {})}, 1).add_(positions_->used);
}

void VisionPass::learn_embedding(const at::Tensor& dx_NPC, const at::Tensor& pixels_N3SS) const {
  const int64_t images = dx_NPC.size(0), places = dx_NPC.size(1);
  if (patch_embedding_->learns())
    linear_weight_gradient(patch_embedding_->gradient, dx_NPC.narrow(1, 1, places - 1),
                           patches(pixels_N3SS.to(dx_NPC.scalar_type()), config_.vision.patch_size));
  if (!class_embedding_->learns() && !positions_->learns()) return;
  auto sum_PC = at::zeros({places, config_.vision.width}, dx_NPC.options().dtype(at::kFloat));
  for (int64_t i = 0; i < images; ++i) sum_PC.add_(dx_NPC[i]);
  if (positions_->learns()) positions_->gradient.copy_(sum_PC);
  if (class_embedding_->learns()) class_embedding_->gradient.copy_(sum_PC[0]);
}

// A block from kept.x_NPC up to what the activation reads.
void VisionPass::prepare(const Block& block, Kept& kept) const {
  const auto& x = kept.x_NPC;
  const std::vector<int64_t> by_head = {x.size(0), x.size(1), config_.vision.heads, x.size(2) / config_.vision.heads};
  const auto normed = normalise(x, block.before_attention);
  kept.attention = pictures_attention_forward(
      block.query.forward(normed).view(by_head), block.key.forward(normed).view(by_head),
      block.value.forward(normed).view(by_head), 1.0 / std::sqrt(static_cast<double>(by_head[3])), exact_);
  kept.y_NPC = block.out.forward(kept.attention.out_NPHK.view(x.sizes())).add_(x);
  kept.wide = block.up.forward(normalise(kept.y_NPC, block.before_mlp));
}

at::Tensor VisionPass::backward_block(const Block& block, at::Tensor dz_NPC, Kept& kept) const {
  if (!kept.y_NPC.defined()) prepare(block, kept);
  const auto activation = config_.vision.activation;
  const auto shape = kept.x_NPC.sizes().vec();
  auto dwide = block.down.backward(dz_NPC, activate(activation, kept.wide));
  dwide = activation_gradient(activation, dwide, kept.wide);
  const auto dnorm_y = block.up.backward(dwide, normalise(kept.y_NPC, block.before_mlp));
  auto dx_NPC = std::move(dz_NPC);  // both residuals hand it on
  add_gradient(dx_NPC, dnorm_y, kept.y_NPC, block.before_mlp);
  const auto& pass = kept.attention;
  const auto dout = block.out.backward(dx_NPC, pass.out_NPHK.view(shape)).view(pass.q_NPHK.sizes());
  const auto part = pictures_attention_gradient(pass, dout, 1.0 / std::sqrt(static_cast<double>(pass.q_NPHK.size(3))));
  const auto norm_x = normalise(kept.x_NPC, block.before_attention);
  auto dnorm_x = block.query.backward(part.dq_NPHK.view(shape), norm_x);
  dnorm_x = block.key.backward(part.dk_NPHK.view(shape), norm_x, {}, dnorm_x);
  dnorm_x = block.value.backward(part.dv_NPHK.view(shape), norm_x, {}, dnorm_x);
  add_gradient(dx_NPC, dnorm_x, kept.x_NPC, block.before_attention);
  return dx_NPC;
}

void VisionPass::note_state(size_t block) {
  for (size_t k = 0; k < wanted_.size(); ++k)
    if (wanted_[k] == static_cast<int64_t>(block)) states_[k] = x_NPC_;
}

void VisionPass::embed(const MicroBatch& batch, bool way_back) {
  kept_.assign(blocks_.size(), {});
  states_.assign(wanted_.size(), {});
  const auto embedded = this->embedded(batch.pixels_N3SS);
  if (way_back) embedded_NPC_ = embedded;
  x_NPC_ = normalise(embedded, before_blocks_);
  note_state(0);
}

void VisionPass::forward(size_t index, const MicroBatch& batch, bool way_back) {
  const auto& block = blocks_[index];
  Kept kept;
  kept.x_NPC = x_NPC_;
  prepare(block, kept);
  x_NPC_ = block.down.forward(activate(config_.vision.activation, kept.wide)).add_(kept.y_NPC);
  note_state(index + 1);
  if (way_back && batch.recompute == Recompute::full)
    kept_[index].x_NPC = kept.x_NPC;
  else if (way_back)
    kept_[index] = std::move(kept);
}

at::Tensor VisionPass::features() {
  const auto joined = joined_features(states_, config_.keep_class_token).reshape({-1, config_.feature_width()});
  states_.clear();
  x_NPC_.reset();
  return joined;
}

void VisionPass::turn(at::Tensor dfeatures_RC, const MicroBatch& batch) {
  dfeatures_RC_ = std::move(dfeatures_RC);
  images_ = batch.pictures();
  dx_NPC_ = at::zeros(embedded_NPC_.sizes(), embedded_NPC_.options());
}

// Adds what the states after so many blocks get back, [N, 1 + P, C] each.
void VisionPass::add_state_gradient(size_t block) {
  const int64_t width = config_.vision.width, rows = config_.tokens_per_image(), places = 1 + config_.vision.patches();
  for (size_t k = 0; k < wanted_.size(); ++k) {
    if (wanted_[k] != static_cast<int64_t>(block)) continue;
    const auto part =
        dfeatures_RC_.view({images_, rows, config_.feature_width()}).narrow(2, static_cast<int64_t>(k) * width, width);
    auto whole = at::zeros({images_, places, width}, dx_NPC_.options());
    whole.narrow(1, places - rows, rows).copy_(part);
    dx_NPC_.add_(whole);
  }
}

void VisionPass::backward(size_t index) {
  add_state_gradient(index + 1);
  dx_NPC_ = backward_block(blocks_[index], std::move(dx_NPC_), kept_[index]);
  kept_[index] = {};
}

void VisionPass::embed_backward(const MicroBatch& batch) {
  add_state_gradient(0);
  auto dembedded = at::zeros(embedded_NPC_.sizes(), embedded_NPC_.options());
  add_gradient(dembedded, dx_NPC_, embedded_NPC_, before_blocks_);
  learn_embedding(dembedded, batch.pixels_N3SS);
  embedded_NPC_.reset(), dx_NPC_.reset(), dfeatures_RC_.reset();
}

}  // namespace llava::core
