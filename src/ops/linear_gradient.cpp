// Gradients of linear() and embedding().
#include <ATen/ops/index.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "ops/check.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/gradient_reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kPanelBytes = 16 << 20;  // of f32 weights, where they are stored in another type
constexpr int64_t kBlockRows = 256;        // of a column sum

at::Tensor as_rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

// In bf16 the product is rounded before it becomes f32, as a gradient of PyTorch's is.
void product_into(at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  if (out.scalar_type() == a.scalar_type())
    at::mm_out(out, a, b);
  else
    out.copy_(at::mm(a, b));
}

}  // namespace

at::Tensor linear_input_gradient(const at::Tensor& dy, const Weight& weight, at::Tensor sum) {
  require(weight.defined() && dy.dim() >= 1 && dy.size(-1) == weight.rows(),
          "linear_input_gradient: dy is [..., out], weight [out, in]", dy, weight.stored());
  auto shape = dy.sizes().vec();
  shape.back() = weight.columns();
  const auto rows = as_rows(dy);
  const bool alone = !sum.defined();
  if (weight.dtype() == dy.scalar_type() && alone) return at::mm(rows, weight.stored()).view(shape);
  auto dx = alone ? at::zeros({rows.size(0), weight.columns()}, dy.options()) : as_rows(sum);
  require(alone || dx.data_ptr() == sum.data_ptr(), "linear_input_gradient: the sum is contiguous", sum);
  if (weight.dtype() == dy.scalar_type()) {
    dx.addmm_(rows, weight.stored());
    return sum;
  }
  const int64_t panel = std::max<int64_t>(1, kPanelBytes / (4 * std::max<int64_t>(1, weight.columns())));
  for (int64_t first = 0; first < weight.rows(); first += panel) {
    const int64_t count = std::min(panel, weight.rows() - first);
    dx.addmm_(rows.narrow(1, first, count), weight.stored().narrow(0, first, count).to(dy.scalar_type()));
  }
  return dx.view(shape);
}

void linear_weight_gradient(at::Tensor dweight, const at::Tensor& dy, const at::Tensor& x) {
  const auto dy_rows = as_rows(dy), x_rows = as_rows(x);
  require(dweight.dim() == 2 && dy_rows.size(0) == x_rows.size(0) && dweight.size(0) == dy_rows.size(1) &&
              dweight.size(1) == x_rows.size(1),
          "linear_weight_gradient: dweight is [out, in], dy [..., out], x [..., in]", dweight, dy, x);
  if (dy_rows.size(0) == 0)
    dweight.zero_();
  else
    product_into(dweight, dy_rows.t(), x_rows);
}

void bias_gradient(at::Tensor dbias, const at::Tensor& dy) {
  const auto rows = as_rows(dy).contiguous();
  require(dbias.dim() == 1 && dbias.size(0) == rows.size(1) && dbias.is_contiguous(),
          "bias_gradient: dbias is [out], dy [..., out]", dbias, dy);
  if (takes_reference(dy)) return bias_gradient_reference(dbias, dy);
  const int64_t count = rows.size(0), width = rows.size(1), blocks = (count + kBlockRows - 1) / kBlockRows;
  auto partial = at::zeros({blocks, width}, rows.options());
  cpu::parallel_for(blocks, 1, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      auto* sum = partial.data_ptr<float>() + block * width;
      for (int64_t row = block * kBlockRows; row < std::min(count, (block + 1) * kBlockRows); ++row) {
        const auto* from = rows.const_data_ptr<float>() + row * width;
        for (int64_t i = 0; i < width; ++i) sum[i] += from[i];
      }
    }
  });
  dbias.zero_();
  auto* out = dbias.data_ptr<float>();
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t i = 0; i < width; ++i) out[i] += partial.const_data_ptr<float>()[block * width + i];
}

void add_embedding_gradient(at::Tensor dtable_VD, const at::Tensor& ids_L, const at::Tensor& drows_LD) {
  require(dtable_VD.dim() == 2 && drows_LD.dim() == 2 && drows_LD.size(1) == dtable_VD.size(1) &&
              ids_L.size(0) == drows_LD.size(0) && dtable_VD.is_contiguous(),
          "embedding_gradient: dtable is [V, D], ids [L], drows [L, D]", dtable_VD, ids_L, drows_LD);
  if (takes_reference(drows_LD)) return add_embedding_gradient_reference(dtable_VD, ids_L, drows_LD);
  const auto ids = ids_L.contiguous(), rows = drows_LD.contiguous();
  const int64_t count = ids.size(0), width = rows.size(1);
  const auto* id = ids.const_data_ptr<int64_t>();
  const auto* from = rows.const_data_ptr<float>();
  auto* to = dtable_VD.data_ptr<float>();
  cpu::parallel_for(width, std::max<int64_t>(1, cpu::kSerialElements / std::max<int64_t>(1, count)),
                    [&](int64_t first, int64_t last) {
                      for (int64_t row = 0; row < count; ++row)
                        for (int64_t i = first; i < last; ++i) to[id[row] * width + i] += from[row * width + i];
                    });
}

}  // namespace llava::core
