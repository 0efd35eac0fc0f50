// x W^T + b. The weight stays as the checkpoint stores it; f32 copies exist for a panel at a time.
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>

#include "ops/check.hpp"
#include "ops/cpu/kernels.hpp"
#include "ops/cpu/parallel.hpp"
#include "ops/cpu/scratch.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kPanelBytes = 4 << 20;  // of f32 weights: stays in the second-level cache, or nearly
constexpr int64_t kMostRows = 512;        // of one pass over the weights

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

// Columns of y shared out in whole panels of `unit`, each thread's share of `least` multiplications or more.
template <typename Work>
void for_columns(const cpu::LinearJob& job, int64_t columns, int64_t unit, int64_t least, Work&& work) {
  const int64_t panels = (columns + unit - 1) / unit;
  const int64_t grain = std::max<int64_t>(1, least / std::max<int64_t>(1, unit * job.in * job.rows));
  cpu::parallel_for(panels, grain,
                    [&](int64_t first, int64_t last) { work(job, first * unit, std::min(last * unit, columns)); });
}

// The part first .. first + depth of the sum over k.
cpu::LinearJob part_of(cpu::LinearJob job, size_t element_bytes, int64_t first, int64_t depth) {
  const bool last = first + depth == job.in;
  job.x += first;
  job.in = depth;
  job.w.data = static_cast<const char*>(job.w.data) + static_cast<size_t>(first) * element_bytes;
  job.bias = last ? job.bias : nullptr;
  job.add = first > 0;
  return job;
}

// Up to kMostRows rows: x is packed as deep as the scratch memory holds, multiplied, and so on until the sum is whole.
// (Cutting rows instead would widen every weight once more for each cut; y is touched again, which costs less.)
void multiply_rows(const cpu::Kernels& kernels, const cpu::LinearJob& job, size_t element_bytes, int64_t columns) {
  const cpu::Scratch scratch;
  const int64_t deepest = cpu::Scratch::kFloats / job.rows / kernels.pack_depth * kernels.pack_depth;
  for (int64_t first = 0; first < job.in; first += deepest) {
    auto part = part_of(job, element_bytes, first, std::min(deepest, job.in - first));
    const int64_t blocks = kernels.pack_blocks(part.in);
    const int64_t grain =
        std::max<int64_t>(1, cpu::kSerialElements * blocks / std::max<int64_t>(1, part.in * part.rows));
    cpu::parallel_for(blocks, grain, [&](int64_t from, int64_t to) {
      for (int64_t block = from; block < to; ++block)
        kernels.pack(scratch.floats(), part.x, part.x_stride, part.rows, part.in, block);
    });
    part.x = scratch.floats();
    for_columns(part, columns, kernels.panel, cpu::kSerialProducts, kernels.gemm);
  }
}

void multiply_many(const cpu::Kernels& kernels, const cpu::LinearJob& job, size_t element_bytes, int64_t columns) {
  const int64_t chunks = (job.rows + kMostRows - 1) / kMostRows, rows = (job.rows + chunks - 1) / chunks;
  for (int64_t row = 0; row < job.rows; row += rows) {
    auto part = job;
    part.rows = std::min(rows, job.rows - row);
    part.x += row * job.x_stride;
    part.y += row * job.y_stride;
    multiply_rows(kernels, part, element_bytes, columns);
  }
}

at::Tensor linear_cpu(const cpu::Kernels& kernels, const at::Tensor& x, const Weight& weight, const at::Tensor& bias) {
  auto shape = x.sizes().vec();
  shape.back() = weight.rows();
  const auto rows_x = x.reshape({-1, weight.columns()}).contiguous();
  const auto own_bias = as_float(bias);
  auto y = at::empty(shape, x.options());
  cpu::LinearJob job{};
  job.x = rows_x.const_data_ptr<float>();
  job.x_stride = job.in = weight.columns();
  job.rows = rows_x.size(0);
  job.w = cpu::matrix_of(weight.stored(), 0);
  job.bias = own_bias.defined() ? own_bias.const_data_ptr<float>() : nullptr;
  job.y = y.data_ptr<float>();
  job.y_stride = weight.rows();
  if (job.rows <= kernels.dot_rows)
    for_columns(job, weight.rows(), 4, cpu::kSerialWeights * job.rows, kernels.dot);
  else
    multiply_many(kernels, job, weight.stored().element_size(), weight.rows());
  return y;
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
  const auto* kernels =
      takes_cpu_kernel(x, weight.stored(), bias) && x.numel() > 0 && weight.rows() > 0 ? cpu::kernels() : nullptr;
  return kernels ? linear_cpu(*kernels, x, weight, bias) : linear_reference(x, weight, bias);
}

}  // namespace llava::core
