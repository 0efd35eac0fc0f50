// Gradients of norms, activations and rotations.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <numbers>

#include "ops/check.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/gradient_reference.hpp"
#include "ops/ops.hpp"

namespace llava::core {
namespace {

constexpr int64_t kBlockRows = 64;  // whose weight gradients are added up together

}  // namespace

void add_rms_norm_gradient(at::Tensor& dx, at::Tensor dweight, const at::Tensor& dy, const at::Tensor& x,
                           const at::Tensor& weight_D, double eps) {
  require(dx.sizes() == x.sizes() && dy.sizes() == x.sizes() && weight_D.size(0) == x.size(-1) && dx.is_contiguous(),
          "rms_norm gradient: dx, dy and x have one shape", dx, dy, x, weight_D);
  const auto* kernels = cpu::kernels();
  if (!kernels || takes_reference(x)) return add_rms_norm_gradient_reference(dx, dweight, dy, x, weight_D, eps);
  const auto rows_x = x.contiguous(), rows_dy = dy.contiguous(), weight = as_float(weight_D);
  const int64_t width = x.size(-1), rows = width > 0 ? x.numel() / width : 0;
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  const auto partial = dweight.defined() ? at::empty({blocks, width}, x.options()) : at::Tensor();
  const int64_t grain = std::max<int64_t>(1, cpu::kSerialElements / std::max<int64_t>(1, kBlockRows * width));
  cpu::parallel_for(blocks, grain, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t from = block * kBlockRows * width;
      kernels->rms_norm_gradient(
          dx.data_ptr<float>() + from, partial.defined() ? partial.data_ptr<float>() + block * width : nullptr,
          rows_dy.const_data_ptr<float>() + from, rows_x.const_data_ptr<float>() + from, weight.const_data_ptr<float>(),
          std::min(kBlockRows, rows - block * kBlockRows), width, static_cast<float>(eps));
    }
  });
  if (!dweight.defined()) return;
  dweight.zero_();
  for (int64_t block = 0; block < blocks; ++block) dweight.add_(partial[block]);
}

void silu_mul_gradient_(at::Tensor& gate, at::Tensor& up, const at::Tensor& dy) {
  require(gate.sizes() == up.sizes() && dy.sizes() == up.sizes() && gate.is_contiguous() && up.is_contiguous(),
          "silu_mul gradient: gate, up and dy have one shape", gate, up, dy);
  const auto* kernels = cpu::kernels();
  if (!kernels || takes_reference(gate)) return silu_mul_gradient_reference_(gate, up, dy);
  const auto flat = dy.contiguous();
  cpu::parallel_for(gate.numel(), cpu::kSerialElements, [&](int64_t first, int64_t last) {
    kernels->silu_mul_gradient(gate.data_ptr<float>() + first, up.data_ptr<float>() + first,
                               flat.const_data_ptr<float>() + first, last - first);
  });
}

// Without kernels: these run once a picture (projector, tower). f32 whatever x is.
at::Tensor gelu_gradient(const at::Tensor& dy, const at::Tensor& given) {
  const auto x = given.to(at::kFloat);
  const auto below = (at::erf(x * (1 / std::numbers::sqrt2)) + 1) * 0.5;
  const auto density = at::exp(x.square() * -0.5) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return (dy * (below + x * density)).to(given.scalar_type());
}

at::Tensor gelu_tanh_gradient(const at::Tensor& dy, const at::Tensor& given) {
  const auto x = given.to(at::kFloat);
  const double root = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  const auto t = at::tanh((x + x * x * x * 0.044715) * root);
  return (dy * ((t + 1) * 0.5 + x * 0.5 * (1 - t.square()) * (x.square() * (3 * 0.044715) + 1) * root))
      .to(given.scalar_type());
}

at::Tensor quick_gelu_gradient(const at::Tensor& dy, const at::Tensor& given) {
  const auto x = given.to(at::kFloat);
  const auto s = at::sigmoid(x * 1.702);
  return (dy * s * (x * 1.702 * (1 - s) + 1)).to(given.scalar_type());
}

// A rotation goes back by the opposite angle.
void rope_gradient_(at::Tensor& dq_LHK, at::Tensor& dk_LGK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  rope_(dq_LHK, dk_LGK, cos_LK, sin_LK.neg());
}

}  // namespace llava::core
