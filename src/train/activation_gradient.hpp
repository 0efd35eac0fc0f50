// The activations by name, backwards: model/affine's activate() has the forward half.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/config.hpp"

namespace llava::core {

/// The gradient of activate()'s input from that of its output; x as it was before.
at::Tensor activation_gradient(Activation activation, const at::Tensor& dy, const at::Tensor& x);

}  // namespace llava::core
