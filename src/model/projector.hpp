// From vision features to rows the language model can read: the paper's linear map, or LLaVA-1.5's two-layer MLP.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/affine.hpp"
#include "model/config.hpp"
#include "model/parameters.hpp"

namespace llava::core {

class Projector {
 public:
  Projector(Parameters& parameters, const ModelConfig& config);

  /// [..., C] -> [..., D]; the activation stands between the layers, none after the last.
  at::Tensor operator()(const at::Tensor& features) const;

 private:
  Activation activation_;
  std::vector<Affine> layers_;
};

}  // namespace llava::core
