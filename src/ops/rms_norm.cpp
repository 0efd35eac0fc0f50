// RMSNorm (Zhang & Sennrich 2019), as LLaMA has it.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/rsqrt.h>

#include "ops/check.hpp"
#include "ops/cpu/kernels.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/cuda/tensors.hpp"
#include "ops/reference.hpp"

namespace llava::core {
namespace {

at::Tensor rms_norm_cuda(const at::Tensor& x, const at::Tensor& weight_D, double eps) {
  const c10::DeviceGuard guard(x.device());
  const auto rows = x.contiguous(), weight = weight_D.to(x.scalar_type()).contiguous();
  auto out = at::empty_like(rows);
  const int64_t width = x.size(-1);
  if (x.numel() > 0)
    cuda::rms_norm(cuda::launch_of(x), out.data_ptr(), rows.const_data_ptr(), weight.const_data_ptr(),
                   x.numel() / width, width, static_cast<float>(eps));
  return out;
}

}  // namespace

at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight_D, double eps) {
  const auto wide = x.to(at::kFloat);
  const auto scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps);
  return (wide * scale).to(x.scalar_type()) * weight_D.to(x.scalar_type());
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight_D, double eps) {
  require(x.dim() >= 1 && weight_D.dim() == 1 && x.size(-1) == weight_D.size(0), "rms_norm: x is [..., D], weight [D]",
          x, weight_D);
  if (cuda::takes_kernel(x, weight_D)) return rms_norm_cuda(x, weight_D, eps);
  const auto* kernels = takes_cpu_kernel(x, weight_D) ? cpu::kernels() : nullptr;
  if (!kernels) return rms_norm_reference(x, weight_D, eps);
  const auto rows = x.contiguous(), weight = as_float(weight_D);
  auto out = at::empty_like(rows);
  cpu::for_rows(rows, [&](int64_t first, int64_t count, int64_t width) {
    kernels->rms_norm(out.data_ptr<float>() + first * width, rows.const_data_ptr<float>() + first * width,
                      weight.const_data_ptr<float>(), count, width, static_cast<float>(eps));
  });
  return out;
}

}  // namespace llava::core
