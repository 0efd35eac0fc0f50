// The bends between two linears.
#include <ATen/TensorOperators.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include <numbers>

#include "ops/check.hpp"
#include "ops/reference.hpp"

namespace llava::core {

at::Tensor quick_gelu_reference(const at::Tensor& x) { return x * at::sigmoid(x * 1.702); }

at::Tensor silu_mul_reference(const at::Tensor& gate, const at::Tensor& up) { return at::silu(gate) * up; }

at::Tensor quick_gelu(const at::Tensor& x) { return quick_gelu_reference(x); }

// No kernels for these two: they run once per picture (projector) or not at all (CLIP), and erf and tanh of ATen are
// vectorised already.
at::Tensor gelu(const at::Tensor& x) {
  const auto wide = x.to(at::kFloat);
  return (wide * 0.5 * (at::erf(wide * (1 / std::numbers::sqrt2)) + 1)).to(x.scalar_type());
}

at::Tensor gelu_tanh(const at::Tensor& x) {
  const double root = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;  // sqrt(2 / pi)
  const auto wide = x.to(at::kFloat);
  return (wide * 0.5 * (at::tanh((wide + wide * wide * wide * 0.044715) * root) + 1)).to(x.scalar_type());
}

at::Tensor silu_mul(at::Tensor gate, const at::Tensor& up) {
  require(gate.sizes() == up.sizes(), "silu_mul: gate and up have one shape", gate, up);
  return silu_mul_reference(gate, up);
}

}  // namespace llava::core
