// Texts and small questions the ops share.
#include "ops/check.hpp"

#include <ATen/core/grad_mode.h>

namespace llava::core {

std::string tensor_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  return cat(c10::toString(tensor.scalar_type()), " ", shape_text(tensor.sizes().vec()));
}

bool wants_gradient(const at::Tensor& x) { return x.defined() && x.requires_grad() && at::GradMode::is_enabled(); }

at::Tensor as_float(const at::Tensor& parameter) {
  return parameter.defined() ? parameter.to(at::kFloat).contiguous() : parameter;
}

}  // namespace llava::core
