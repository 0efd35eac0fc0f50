// The bends between two linears.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

#include <numbers>

#include "ops/check.hpp"
#include "ops/cpu/kernels.hpp"
#include "ops/cpu/parallel.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/cuda/tensors.hpp"
#include "ops/reference.hpp"

namespace llava::core {
namespace {

at::Tensor silu_mul_cuda(const at::Tensor& gate, const at::Tensor& up) {
  const c10::DeviceGuard guard(gate.device());
  auto out = gate.contiguous();
  const auto flat = up.contiguous();
  cuda::silu_mul(cuda::launch_of(out), out.data_ptr(), out.const_data_ptr(), flat.const_data_ptr(), out.numel());
  return out;
}

}  // namespace

at::Tensor quick_gelu_reference(const at::Tensor& x) { return x * at::sigmoid(x * 1.702); }

at::Tensor silu_mul_reference(const at::Tensor& gate, const at::Tensor& up) { return at::silu(gate) * up; }

at::Tensor quick_gelu(const at::Tensor& x) {
  const auto* kernels = takes_cpu_kernel(x) ? cpu::kernels() : nullptr;
  if (!kernels) return quick_gelu_reference(x);
  const auto flat = x.contiguous();
  auto out = at::empty_like(flat);
  cpu::parallel_for(flat.numel(), cpu::kSerialElements, [&](int64_t first, int64_t last) {
    kernels->quick_gelu(out.data_ptr<float>() + first, flat.const_data_ptr<float>() + first, last - first);
  });
  return out;
}

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
  if (cuda::takes_kernel(gate, up) && up.scalar_type() == gate.scalar_type()) return silu_mul_cuda(gate, up);
  const auto* kernels = takes_cpu_kernel(gate, up) && up.scalar_type() == at::kFloat ? cpu::kernels() : nullptr;
  if (!kernels) return silu_mul_reference(gate, up);
  auto out = gate.contiguous();
  const auto flat = up.contiguous();
  cpu::parallel_for(out.numel(), cpu::kSerialElements, [&](int64_t first, int64_t last) {
    float* at = out.data_ptr<float>() + first;
    kernels->silu_mul(at, at, flat.const_data_ptr<float>() + first, last - first);
  });
  return out;
}

}  // namespace llava::core
