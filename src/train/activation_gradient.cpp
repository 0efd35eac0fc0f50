// A table of three.
#include "train/activation_gradient.hpp"

#include "base/error.hpp"
#include "ops/gradients.hpp"

namespace llava::core {

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

}  // namespace llava::core
