// The projector.
#include "model/projector.hpp"

#include "base/error.hpp"

namespace llava::core {

Projector::Projector(Parameters& parameters, const ModelConfig& config) : activation_(config.projector.activation) {
  for (int64_t i = 0; i < config.projector.depth; ++i) {
    const int64_t in = i == 0 ? config.feature_width() : config.language.width;
    layers_.push_back(
        take_affine(parameters, cat("projector.linear_", i + 1), config.language.width, in, config.projector.bias));
  }
}

at::Tensor Projector::operator()(const at::Tensor& features) const {
  auto x = features;
  for (size_t i = 0; i < layers_.size(); ++i) x = layers_[i](i ? activate(activation_, x) : x);
  return x;
}

}  // namespace llava::core
