// The two pieces all modules share: an affine map, with what an adapter adds to it, and the named activations.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "model/config.hpp"
#include "model/parameters.hpp"
#include "ops/weight.hpp"

namespace llava::core {

struct Affine {
  Weight weight;
  at::Tensor bias;  // undefined where the checkpoint has none
  Addition addition;

  at::Tensor operator()(const at::Tensor& x) const;
};

/// `name`.weight [out, in], with `bias` `name`.bias [out], and what an adapter adds.
Affine take_affine(Parameters& parameters, const std::string& name, int64_t out, int64_t in, bool bias = true);

at::Tensor activate(Activation activation, const at::Tensor& x);

}  // namespace llava::core
