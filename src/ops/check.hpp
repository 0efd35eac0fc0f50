// Checks of shapes at the door of an op. The sizes come from our own code, so a failed one is a defect
// (Status::internal); it is checked in release builds too, because the kernels behind the door work on bare pointers.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/error.hpp"

namespace llava::core {

/// "bf16 [4096, 1024]", or "undefined".
std::string tensor_text(const at::Tensor& tensor);

/// Throws Error(internal, "ops: <rule>; found <tensor>, <tensor>…") unless `holds`.
template <typename... Tensors>
void require(bool holds, const char* rule, const Tensors&... tensors) {
  if (holds) return;
  std::string found;
  ((found += (found.empty() ? "" : ", ") + tensor_text(tensors)), ...);
  throw Error(Status::internal, cat("ops: ", rule, "; found ", found));
}

/// Whether autograd records what is done with `x`.
bool wants_gradient(const at::Tensor& x);

/// Whether a kernel on bare f32 pointers may stand in for the composition of ATen ops: x on the CPU, f32, and nobody
/// wants a gradient of it or of the parameters (kernels record none).
template <typename... Tensors>
bool takes_cpu_kernel(const at::Tensor& x, const Tensors&... parameters) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && !wants_gradient(x) && (!wants_gradient(parameters) && ...);
}

/// `parameter` as contiguous f32 on the CPU (norm weights and biases, a few KiB); undefined stays undefined.
at::Tensor as_float(const at::Tensor& parameter);

}  // namespace llava::core
