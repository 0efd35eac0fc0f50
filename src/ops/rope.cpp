// Rotary position embedding (Su et al. 2021) in the layout of the published LLaMA checkpoints.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include "ops/check.hpp"
#include "ops/cpu/kernels.hpp"
#include "ops/cpu/parallel.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/cuda/tensors.hpp"
#include "ops/reference.hpp"

namespace llava::core {
namespace {

void rotate_(at::Tensor& x_LHK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  const int64_t half = x_LHK.size(2) / 2;
  const auto wide = x_LHK.to(at::kFloat);
  const auto turned = at::cat({-wide.slice(2, half), wide.slice(2, 0, half)}, 2);
  x_LHK.copy_(wide * cos_LK.unsqueeze(1) + turned * sin_LK.unsqueeze(1));
}

bool fits(const at::Tensor& x_LHK) { return takes_cpu_kernel(x_LHK) && x_LHK.stride(2) == 1; }

void rotate_cpu_(const cpu::Kernels& kernels, at::Tensor& x_LHK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  const int64_t heads = x_LHK.size(1), width = x_LHK.size(2);
  const int64_t grain = std::max<int64_t>(1, cpu::kSerialElements / std::max<int64_t>(1, heads * width));
  cpu::parallel_for(x_LHK.size(0), grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      kernels.rope(x_LHK.data_ptr<float>() + i * x_LHK.stride(0), heads, x_LHK.stride(1), width,
                   cos_LK.const_data_ptr<float>() + i * width, sin_LK.const_data_ptr<float>() + i * width);
  });
}

void rotate_cuda_(at::Tensor& x_LHK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  const c10::DeviceGuard guard(x_LHK.device());
  const cuda::RopeShape shape{x_LHK.size(0), x_LHK.size(1), x_LHK.size(2), x_LHK.stride(0), x_LHK.stride(1)};
  cuda::rope(cuda::launch_of(x_LHK), x_LHK.data_ptr(), shape, cos_LK.const_data_ptr<float>(),
             sin_LK.const_data_ptr<float>());
}

}  // namespace

void rope_reference_(at::Tensor& q_LHK, at::Tensor& k_LGK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  rotate_(q_LHK, cos_LK, sin_LK);
  rotate_(k_LGK, cos_LK, sin_LK);
}

void rope_(at::Tensor& q_LHK, at::Tensor& k_LGK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  require(q_LHK.dim() == 3 && k_LGK.dim() == 3 && q_LHK.size(0) == k_LGK.size(0) && q_LHK.size(2) == k_LGK.size(2) &&
              q_LHK.size(2) % 2 == 0,
          "rope: q is [L, H, K], k [L, G, K], K even", q_LHK, k_LGK);
  require(cos_LK.dim() == 2 && cos_LK.sizes() == sin_LK.sizes() && cos_LK.size(0) == q_LHK.size(0) &&
              cos_LK.size(1) == q_LHK.size(2) && cos_LK.scalar_type() == at::kFloat &&
              sin_LK.scalar_type() == at::kFloat,
          "rope: cos and sin are f32 [L, K]", cos_LK, sin_LK);
  const auto cos = cos_LK.contiguous(), sin = sin_LK.contiguous();
  if (cuda::takes_kernel(q_LHK, k_LGK) && q_LHK.stride(2) == 1 && k_LGK.stride(2) == 1) {
    rotate_cuda_(q_LHK, cos, sin);
    rotate_cuda_(k_LGK, cos, sin);
    return;
  }
  const auto* kernels = fits(q_LHK) && fits(k_LGK) ? cpu::kernels() : nullptr;
  if (!kernels) return rope_reference_(q_LHK, k_LGK, cos, sin);
  rotate_cpu_(*kernels, q_LHK, cos, sin);
  rotate_cpu_(*kernels, k_LGK, cos, sin);
}

}  // namespace llava::core
