// LayerNorm (Ba et al. 2016).
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/layer_norm.h>

#include "ops/check.hpp"
#include "ops/cpu/kernels.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/reference.hpp"

namespace llava::core {

at::Tensor layer_norm_reference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  return at::layer_norm(x, {x.size(-1)}, weight.to(x.scalar_type()), bias.to(x.scalar_type()), eps);
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  require(x.dim() >= 1 && weight.dim() == 1 && bias.dim() == 1 && x.size(-1) == weight.size(0) &&
              x.size(-1) == bias.size(0),
          "layer_norm: x is [..., D], weight and bias [D]", x, weight, bias);
  const auto* kernels = takes_cpu_kernel(x, weight, bias) ? cpu::kernels() : nullptr;
  if (!kernels) return layer_norm_reference(x, weight, bias, eps);
  const auto rows = x.contiguous(), own_weight = as_float(weight), own_bias = as_float(bias);
  auto out = at::empty_like(rows);
  cpu::for_rows(rows, [&](int64_t first, int64_t count, int64_t width) {
    kernels->layer_norm(out.data_ptr<float>() + first * width, rows.const_data_ptr<float>() + first * width,
                        own_weight.const_data_ptr<float>(), own_bias.const_data_ptr<float>(), count, width,
                        static_cast<float>(eps));
  });
  return out;
}

}  // namespace llava::core
