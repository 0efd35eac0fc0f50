// LayerNorm (Ba et al. 2016). Forward it is ATen's own on both devices: a kernel of two passes was measured and was no
// faster. Backward it is ours, because ATen's sums of weight gradients depend on the number of threads.
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>

#include <cmath>

#include "ops/check.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/gradient_reference.hpp"
#include "ops/ops.hpp"

namespace llava::core {
namespace {

constexpr int64_t kBlockRows = 64;  // whose weight gradients are added up together
constexpr int64_t kLanes = 8;

// The mean of term(i) over a row, summed in f64 in a fixed order.
template <typename Term>
double mean_of(int64_t width, Term&& term) {
  double lanes[kLanes] = {};
  for (int64_t i = 0; i < width; ++i) lanes[i % kLanes] += term(i);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum / static_cast<double>(width);
}

// dx of one row += its gradient; sums of dy * normalised x and of dy, where they are wanted.
void add_row(float* dx, float* dweight, float* dbias, const float* dy, const float* x, const float* weight,
             int64_t width, double eps) {
  const double mean = mean_of(width, [&](int64_t i) { return double{x[i]}; });
  const double variance = mean_of(width, [&](int64_t i) { return (x[i] - mean) * (x[i] - mean); });
  const double r = 1 / std::sqrt(variance + eps);
  const auto normal = [&](int64_t i) { return (x[i] - mean) * r; };
  const auto weighted = [&](int64_t i) { return double{dy[i]} * weight[i]; };
  const double level = mean_of(width, weighted);
  const double slope = mean_of(width, [&](int64_t i) { return weighted(i) * normal(i); });
  for (int64_t i = 0; i < width; ++i) {
    if (dweight) dweight[i] += static_cast<float>(dy[i] * normal(i));
    if (dbias) dbias[i] += dy[i];
    dx[i] += static_cast<float>(r * (weighted(i) - level - normal(i) * slope));
  }
}

}  // namespace

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  require(x.dim() >= 1 && weight.dim() == 1 && bias.dim() == 1 && x.size(-1) == weight.size(0) &&
              x.size(-1) == bias.size(0),
          "layer_norm: x is [..., D], weight and bias [D]", x, weight, bias);
  return at::layer_norm(x, {x.size(-1)}, weight.to(x.scalar_type()), bias.to(x.scalar_type()), eps);
}

void add_layer_norm_gradient(at::Tensor& dx, at::Tensor dweight, at::Tensor dbias, const at::Tensor& dy,
                             const at::Tensor& x, const at::Tensor& weight_D, double eps) {
  require(dx.sizes() == x.sizes() && dy.sizes() == x.sizes() && weight_D.size(0) == x.size(-1) && dx.is_contiguous(),
          "layer_norm gradient: dx, dy and x have one shape", dx, dy, x, weight_D);
  if (takes_reference(x)) return add_layer_norm_gradient_reference(dx, dweight, dbias, dy, x, weight_D, eps);
  const auto rows_x = x.contiguous(), rows_dy = dy.contiguous(), weight = as_float(weight_D);
  const int64_t width = x.size(-1), rows = width > 0 ? x.numel() / width : 0;
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  const auto partial_of = [&](const at::Tensor& wanted) {
    return wanted.defined() ? at::empty({blocks, width}, x.options()).zero_() : at::Tensor();
  };
  const auto weights = partial_of(dweight), biases = partial_of(dbias);
  const auto row_of = [&](const at::Tensor& partial, int64_t block) {
    return partial.defined() ? partial.data_ptr<float>() + block * width : nullptr;
  };
  const int64_t grain = std::max<int64_t>(1, cpu::kSerialElements / std::max<int64_t>(1, kBlockRows * width));
  cpu::parallel_for(blocks, grain, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block)
      for (int64_t row = block * kBlockRows; row < std::min(rows, (block + 1) * kBlockRows); ++row)
        add_row(dx.data_ptr<float>() + row * width, row_of(weights, block), row_of(biases, block),
                rows_dy.const_data_ptr<float>() + row * width, rows_x.const_data_ptr<float>() + row * width,
                weight.const_data_ptr<float>(), width, eps);
  });
  const auto add_up = [&](at::Tensor& sum, const at::Tensor& partial) {
    if (!sum.defined()) return;
    sum.zero_();
    for (int64_t block = 0; block < blocks; ++block) sum.add_(partial[block]);
  };
  add_up(dweight, weights);
  add_up(dbias, biases);
}

}  // namespace llava::core
