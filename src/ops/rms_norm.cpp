// RMSNorm (Zhang & Sennrich 2019), as LLaMA has it.
#include <ATen/TensorOperators.h>
#include <ATen/ops/rsqrt.h>

#include "ops/check.hpp"
#include "ops/reference.hpp"

namespace llava::core {

at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight_D, double eps) {
  const auto wide = x.to(at::kFloat);
  const auto scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return (wide * scale).to(x.scalar_type()) * weight_D.to(x.scalar_type());
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double eps) {
  require(x.dim() >= 1 && weight_D.dim() == 1 && x.size(-1) == weight_D.size(0), "rms_norm: x is [..., D], weight [D]",
          x, weight_D);
  return rms_norm_reference(x, weight_D, eps);
}

}  // namespace llava::core
