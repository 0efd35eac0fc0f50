// Affine maps and activations.
#include "model/affine.hpp"

#include "ops/ops.hpp"

namespace llava::core {

at::Tensor Affine::operator()(const at::Tensor& x) const {
  auto y = linear(x, weight, bias);
  if (!addition.product) return y;
  const auto& [down_RI, up_OR, strength] = *addition.product;
  return y.add_(linear(linear(x, down_RI), up_OR), addition.scale * strength);
}

Affine take_affine(Parameters& parameters, const std::string& name, int64_t out, int64_t in, bool bias) {
  Affine affine;
  affine.weight = parameters.take_matrix(name + ".weight", {out, in});
  if (bias) affine.bias = parameters.take(name + ".bias", {out});
  affine.addition = parameters.take_addition(name);
  return affine;
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::quick_gelu:
      return quick_gelu(x);
    case Activation::gelu:
      return gelu(x);
    case Activation::gelu_tanh:
      return gelu_tanh(x);
  }
  return x;
}

}  // namespace llava::core
