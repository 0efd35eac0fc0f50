// The CLIP vision tower (Radford et al. 2021): patches, class token, learnt positions, pre-norm blocks.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/cancel.hpp"
#include "model/affine.hpp"
#include "model/config.hpp"
#include "model/parameters.hpp"

namespace llava::core {

/// Hidden states [N, 1 + P, C] as the projector reads them: channels side by side, [N, P, C * states], with the class
/// token's row first only if it is kept.
at::Tensor joined_features(const std::vector<at::Tensor>& states, bool keep_class_token);

/// The numbers of blocks after which the states are taken that `config` hands to the projector.
std::vector<int64_t> feature_blocks(const ModelConfig& config);

class VisionTower {
 public:
  /// Takes the blocks that `config.feature_layers` need; later ones may be absent from the checkpoint.
  VisionTower(Parameters& parameters, const ModelConfig& config);

  /// The hidden states after each of `blocks` blocks (0 = embeddings after pre_layrnorm), class token first.
  ///
  ///   pixels_N3SS  f32, normalised
  ///   blocks       in any order, at least one; the tower runs once, as far as the largest
  ///   returns      one [N, 1 + P, C] in the activations' dtype for each of `blocks`
  ///
  /// Throws Error(argument) when more blocks are asked for than were loaded; polls `cancel` before each block.
  /// Source: transformers v4.57, models/clip/modeling_clip.py.
  std::vector<at::Tensor> hidden_states(const at::Tensor& pixels_N3SS, const std::vector<int64_t>& blocks,
                                        const Cancel& cancel) const;

  int64_t loaded_blocks() const { return static_cast<int64_t>(blocks_.size()); }

 private:
  struct Norm {
    at::Tensor weight, bias;
  };
  struct Block {
    Norm before_attention, before_mlp;
    Affine query, key, value, out, up, down;
  };
  Norm take_norm(Parameters& parameters, const std::string& name) const;
  at::Tensor embed(const at::Tensor& pixels_N3SS) const;
  at::Tensor attend(const Block& block, const at::Tensor& x_NPC) const;
  at::Tensor run(const Block& block, const at::Tensor& x_NPC) const;
  at::Tensor normalise(const at::Tensor& x, const Norm& norm) const;

  VisionConfig config_;
  at::ScalarType dtype_;
  at::Device device_;
  Weight patch_embedding_;
  at::Tensor class_embedding_C_;
  at::Tensor positions_PC_;  // [1 + P, C]
  Norm before_blocks_;
  std::vector<Block> blocks_;
};

}  // namespace llava::core
