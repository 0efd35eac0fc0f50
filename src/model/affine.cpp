// Affine maps and activations.
#include "model/affine.hpp"

#include "ops/ops.hpp"

namespace llava::core {

at::Tensor Affine::operator()(const at::Tensor& x) const { return linear(x, weight, bias); }

Affine take_affine(Parameters& parameters, const std::string& name, int64_t out, int64_t in, bool bias) {
  Affine affine;
  affine.weight = parameters.take_matrix(name + ".weight", {out, in});
  if (bias) affine.bias = parameters.take(name + ".bias", {out});
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
