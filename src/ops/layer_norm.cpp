// LayerNorm (Ba et al. 2016). ATen's own on both devices: a kernel of two passes was measured and was no faster.
#include <ATen/ops/layer_norm.h>

#include "ops/check.hpp"
#include "ops/ops.hpp"

namespace llava::core {

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  require(x.dim() >= 1 && weight.dim() == 1 && bias.dim() == 1 && x.size(-1) == weight.size(0) &&
              x.size(-1) == bias.size(0),
          "layer_norm: x is [..., D], weight and bias [D]", x, weight, bias);
  return at::layer_norm(x, {x.size(-1)}, weight.to(x.scalar_type()), bias.to(x.scalar_type()), eps);
}

}  // namespace llava::core
