// x W^T + b. The weight stays as the checkpoint stores it; f32 copies exist for a panel at a time.
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>

#include "ops/check.hpp"
#include "ops/reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kPanelBytes = 4 << 20;  // of f32 weights: stays in the second-level cache, or nearly

at::Tensor linear_by_panels(const at::Tensor& x, const Weight& weight, const at::Tensor& bias) {
  const int64_t rows = std::max<int64_t>(1, kPanelBytes / (4 * std::max<int64_t>(1, weight.columns())));
  std::vector<at::Tensor> parts;
  for (int64_t first = 0; first < weight.rows(); first += rows) {
    const int64_t last = std::min(first + rows, weight.rows());
    parts.push_back(at::linear(x, weight.stored().slice(0, first, last).to(x.scalar_type()),
                               bias.defined() ? bias.slice(0, first, last) : bias));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, -1);
}

}  // namespace

// On a CPU without bf16 instructions at::matmul in bf16 or f16 runs at 0.3 GFLOP/s, in f32 at 140 (two threads): the
// weights are widened, panel by panel, and the product is always f32.
at::Tensor linear_reference(const at::Tensor& x, const Weight& weight, const at::Tensor& bias) {
  const auto own_bias = bias.defined() ? bias.to(x.scalar_type()) : bias;
  if (weight.dtype() == x.scalar_type()) return at::linear(x, weight.stored(), own_bias);
  if (weight.rows() == 0) return at::linear(x, weight.stored().to(x.scalar_type()), own_bias);
  return linear_by_panels(x, weight, own_bias);
}

at::Tensor linear(const at::Tensor& x, const Weight& weight, const at::Tensor& bias) {
  require(weight.defined() && x.dim() >= 1 && x.size(-1) == weight.columns(),
          "linear: x is [..., in], weight [out, in]", x, weight.stored());
  require(!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.rows()), "linear: bias is [out]", bias,
          weight.stored());
  return linear_reference(x, weight, bias);
}

}  // namespace llava::core
