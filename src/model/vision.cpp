// CLIP's vision tower.
#include "model/vision.hpp"

#include <ATen/ops/cat.h>

#include <algorithm>

#include "base/error.hpp"
#include "ops/ops.hpp"

namespace llava::core {

at::Tensor joined_features(const std::vector<at::Tensor>& states, bool keep_class_token) {
  const auto joined = states.size() == 1 ? states.front() : at::cat(states, -1);
  return keep_class_token ? joined : joined.narrow(1, 1, joined.size(1) - 1);
}

std::vector<int64_t> feature_blocks(const ModelConfig& config) {
  std::vector<int64_t> blocks;
  for (const auto layer : config.feature_layers) blocks.push_back(config.vision_blocks_for(layer));
  return blocks;
}

VisionTower::VisionTower(Parameters& parameters, const ModelConfig& config)
    : config_(config.vision), dtype_(parameters.activation_dtype()), device_(parameters.placement().device) {
  const int64_t width = config_.width, patch = config_.patch_size;
  const std::string embeddings = "vision.embeddings.";
  class_embedding_C_ = parameters.take(embeddings + "class_embedding", {width});
  patch_embedding_ = parameters.take_matrix(embeddings + "patch_embedding.weight", {width, 3, patch, patch});
  positions_PC_ = parameters.take(embeddings + "position_embedding.weight", {1 + config_.patches(), width});
  before_blocks_ = take_norm(parameters, "vision.pre_layrnorm");  // misspelt in every checkpoint
  const int64_t needed = config.needed_vision_blocks();
  for (int64_t i = 0; i < config_.layers; ++i) {
    const auto name = cat("vision.encoder.layers.", i, '.');
    if (i >= needed && !parameters.has(name + "layer_norm1.weight")) break;  // often not stored: nothing reads it
    Block block;
    block.before_attention = take_norm(parameters, name + "layer_norm1");
    block.query = take_affine(parameters, name + "self_attn.q_proj", width, width);
    block.key = take_affine(parameters, name + "self_attn.k_proj", width, width);
    block.value = take_affine(parameters, name + "self_attn.v_proj", width, width);
    block.out = take_affine(parameters, name + "self_attn.out_proj", width, width);
    block.before_mlp = take_norm(parameters, name + "layer_norm2");
    block.up = take_affine(parameters, name + "mlp.fc1", config_.intermediate, width);
    block.down = take_affine(parameters, name + "mlp.fc2", width, config_.intermediate);
    blocks_.push_back(std::move(block));
  }
}

VisionTower::Norm VisionTower::take_norm(Parameters& parameters, const std::string& name) const {
  return {parameters.take(name + ".weight", {config_.width}), parameters.take(name + ".bias", {config_.width})};
}

at::Tensor VisionTower::normalise(const at::Tensor& x, const Norm& norm) const {
  return layer_norm(x, norm.weight, norm.bias, config_.layer_norm_eps);
}

at::Tensor VisionTower::embed(const at::Tensor& pixels_N3SS) const {
  const int64_t images = pixels_N3SS.size(0);
  const auto patches_NPX = patches(pixels_N3SS.to(device_, dtype_), config_.patch_size);
  const auto class_N1C = class_embedding_C_.expand({images, 1, config_.width});
  return at::cat({class_N1C, linear(patches_NPX, patch_embedding_, {})}, 1).add_(positions_PC_);
}

at::Tensor VisionTower::attend(const Block& block, const at::Tensor& x_NPC) const {
  const std::vector<int64_t> by_head = {x_NPC.size(0), x_NPC.size(1), config_.heads, config_.width / config_.heads};
  const auto out_NPHK =
      attention_batched(block.query(x_NPC).view(by_head), block.key(x_NPC).view(by_head),
                        block.value(x_NPC).view(by_head), 1.0 / std::sqrt(static_cast<double>(by_head[3])));
  return block.out(out_NPHK.reshape(x_NPC.sizes()));
}

at::Tensor VisionTower::run(const Block& block, const at::Tensor& x_NPC) const {
  const auto attended = attend(block, normalise(x_NPC, block.before_attention)).add_(x_NPC);
  const auto wide = activate(config_.activation, block.up(normalise(attended, block.before_mlp)));
  return block.down(wide).add_(attended);
}

std::vector<at::Tensor> VisionTower::hidden_states(const at::Tensor& pixels_N3SS, const std::vector<int64_t>& blocks,
                                                   const Cancel& cancel) const {
  const int64_t deepest = *std::max_element(blocks.begin(), blocks.end());
  if (deepest > loaded_blocks())
    throw Error(Status::argument,
                cat("vision block ", deepest, " was asked for, the checkpoint holds ", loaded_blocks()));
  cancel.poll("image encoding");
  std::vector<at::Tensor> states(blocks.size());
  auto x_NPC = normalise(embed(pixels_N3SS), before_blocks_);
  for (int64_t i = 0;; ++i) {
    for (size_t k = 0; k < blocks.size(); ++k)
      if (blocks[k] == i) states[k] = x_NPC;
    if (i == deepest) return states;
    cancel.poll("image encoding");
    x_NPC = run(blocks_[static_cast<size_t>(i)], x_NPC);
  }
}

}  // namespace llava::core
