// What an adapter changes in a model (LoRA, Hu et al. 2021): products of two thin matrices added beside the weights of
// affine maps, and tensors that take the place of the model's own. The weights themselves are never written to.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>

#include "ops/weight.hpp"

namespace llava::core {

/// y += scale * strength * up(down(x)).
struct LowRank {
  Weight down_RI;       // [rank, in]: lora_A
  Weight up_OR;         // [out, rank]: lora_B
  double strength = 1;  // alpha / rank, or alpha / sqrt(rank)
};

/// A product and the scale it was asked for with.
struct Addition {
  std::shared_ptr<const LowRank> product;  // nullptr: nothing is added
  double scale = 1;
};

/// By canonical names (model/weight_names), shapes and types as the model holds them; checkpoint/adapter has checked.
struct Adaptation {
  std::map<std::string, std::shared_ptr<const LowRank>, std::less<>> added;  // "language.layers.0.self_attn.q_proj"
  std::map<std::string, at::Tensor, std::less<>> replaced;                   // "projector.linear_1.weight"
};

}  // namespace llava::core
