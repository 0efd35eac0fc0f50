// From tensors to what the CUDA launchers take.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

#include "ops/check.hpp"
#include "ops/cuda/launch.hpp"

namespace llava::core::cuda {

/// Whether a hand-written kernel does the work: x on a card, of a type the kernels know, no gradient wanted, and the
/// kernels were asked for.
template <typename... Tensors>
bool takes_kernel(const at::Tensor& x, const Tensors&... parameters) {
  const auto type = x.scalar_type();
  return x.is_cuda() && kernels_wanted() && (type == at::kFloat || type == at::kHalf || type == at::kBFloat16) &&
         !wants_gradient(x) && (!wants_gradient(parameters) && ...);
}

/// The element type of x and the stream that works on its device; hold a c10::DeviceGuard(x.device()) meanwhile.
inline Launch launch_of(const at::Tensor& x) {
  const auto type = x.scalar_type();
  return {type == at::kFloat  ? Type::f32
          : type == at::kHalf ? Type::f16
                              : Type::bf16,
          current_stream(x.device().index())};
}

}  // namespace llava::core::cuda
