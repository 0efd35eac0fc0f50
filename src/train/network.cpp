// One pass through everything.
#include "train/network.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "base/error.hpp"
#include "model/affine.hpp"
#include "ops/gradients.hpp"
#include "ops/ops.hpp"

namespace llava::core {
namespace {

at::Tensor activation_gradient(Activation activation, const at::Tensor& dy, const at::Tensor& x) {
  switch (activation) {
    case Activation::quick_gelu:
      return quick_gelu_gradient(dy, x);
    case Activation::gelu:
      return gelu_gradient(dy, x);
    case Activation::gelu_tanh:
      return gelu_tanh_gradient(dy, x);
  }
  throw Error(Status::internal, "an activation without a gradient");
}

Learners::Mask trainable(const LoadPlan& plan, const Learners::Mask& learns) {
  if (plan.checkpoint.tiling)
    throw Error(Status::unsupported,
                cat(plan.checkpoint.path, ": cuts pictures into tiles (LLaVA-NeXT), which is not trained here"));
  for (const auto& [name, view] : plan.tensors.found)
    if (name.starts_with("vision.") && learns(name))
      throw Error(Status::unsupported, cat("the vision tower is not trained here, but the mask takes in ", name));
  return learns;
}

std::vector<LearningAffine> projector_of(Learners& learners, const ModelConfig& config) {
  std::vector<LearningAffine> layers;
  for (int64_t i = 0; i < config.projector.depth; ++i)
    layers.push_back(learning_affine(learners, cat("projector.linear_", i + 1), config.language.width,
                                     i == 0 ? config.feature_width() : config.language.width, config.projector.bias));
  return layers;
}

}  // namespace

Network::Network(const LoadPlan& plan, const Learners::Mask& learns, const Cancel& cancel)
    : config_(plan.checkpoint.config),
      parameters_(plan.tensors, config_, {}, cancel),
      learners_(parameters_, trainable(plan, learns)),
      vision_(parameters_, config_),
      projector_(projector_of(learners_, config_)),
      decoder_(learners_, config_.language) {
  learners_.finish();
}

// [N * P, C]
at::Tensor Network::features(const MicroBatch& batch, const Cancel& cancel) const {
  std::vector<int64_t> blocks;
  for (const auto layer : config_.feature_layers) blocks.push_back(config_.vision_blocks_for(layer));
  const auto states = vision_.hidden_states(batch.pixels_N3SS, blocks, cancel);
  auto features = states.size() == 1 ? states.front() : at::cat(states, -1);
  if (!config_.keep_class_token) features = features.narrow(1, 1, features.size(1) - 1);
  return features.reshape({-1, config_.feature_width()});
}

at::Tensor Network::project(const at::Tensor& features_RC) {
  projector_inputs_.clear();
  auto x = features_RC;
  for (const auto& layer : projector_) {
    projector_inputs_.push_back(x);
    x = layer.forward(projector_inputs_.size() > 1 ? activate(config_.projector.activation, x) : x);
  }
  return x;
}

void Network::project_backward(const at::Tensor& drows_RD) {
  auto dy = drows_RD;
  for (size_t i = projector_.size(); i-- > 0;) {
    const auto& before = projector_inputs_[i];
    if (i == 0) {
      projector_[0].learn(dy, before);
      break;
    }
    dy = projector_[i].backward(dy, activate(config_.projector.activation, before));
    dy = activation_gradient(config_.projector.activation, dy, before);
  }
  projector_inputs_.clear();
}

// [T, D]: token rows, and picture rows in their places
at::Tensor Network::rows(const MicroBatch& batch, const Cancel& cancel) {
  auto x_TD = at::empty({batch.rows(), config_.language.width}, at::kFloat);
  x_TD.index_copy_(0, batch.text_rows, embedding(batch.text_ids, decoder_.table().weight));
  if (batch.pixels_N3SS.defined())
    x_TD.index_copy_(0, batch.image_rows, project(features(batch, cancel)).index_select(0, batch.image_sources));
  return x_TD;
}

double Network::loss(const MicroBatch& batch, double weight, const Cancel& cancel) {
  const auto x_TD = decoder_.forward(rows(batch, cancel), batch, cancel);
  return decoder_.loss(x_TD, batch, weight).loss;
}

double Network::pass(const MicroBatch& batch, double weight, const Cancel& cancel) {
  auto& gradient = learners_.gradient();
  gradient.zero_();  // the parts that this batch does not reach stay zero
  const auto x_TD = decoder_.forward(rows(batch, cancel), batch, cancel);
  const auto result = decoder_.loss(x_TD, batch, weight);
  bool projects = false;
  for (const auto& layer : projector_)
    projects = projects || layer.weight->learns() || (layer.bias && layer.bias->learns());
  const bool to_input = projects || decoder_.table().learns();
  const auto dx_TD = decoder_.backward(result.dhidden_RD, batch, to_input, cancel);
  if (decoder_.table().learns())
    add_embedding_gradient(decoder_.table().gradient, batch.text_ids, dx_TD.index_select(0, batch.text_rows));
  if (projects && batch.pixels_N3SS.defined()) {
    const auto rows = batch.pixels_N3SS.size(0) * config_.tokens_per_image();
    auto drows_RD = at::zeros({rows, config_.language.width}, at::kFloat);
    drows_RD.index_copy_(0, batch.image_sources, dx_TD.index_select(0, batch.image_rows));
    project_backward(drows_RD);
  }
  return result.loss;
}

}  // namespace llava::core
