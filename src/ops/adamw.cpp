// AdamW on flat buffers, and the norm of one.
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>

#include "ops/check.hpp"
#include "ops/cpu/parallel.hpp"
#include "ops/gradient_reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kUpdateBlock = 1 << 16;  // numbers
constexpr int64_t kCardBlock = 1 << 28;    // numbers of one launch

// The same formula in one kernel, where adamw_reference_() takes several.
void adamw_cuda_(at::Tensor& values, const at::Tensor& gradient, at::Tensor& first_moment, at::Tensor& second_moment,
                 int64_t step, const AdamW& how) {
  const auto count = at::full({}, static_cast<double>(step), values.options());
  for (int64_t begin = 0; begin < values.numel(); begin += kCardBlock) {
    const auto part = [&](const at::Tensor& flat) {
      return flat.narrow(0, begin, std::min(kCardBlock, values.numel() - begin));
    };
    at::_fused_adamw_(part(values), part(gradient), part(first_moment), part(second_moment), {}, count, how.lr,
                      how.beta1, how.beta2, how.weight_decay, how.eps, /*amsgrad=*/false, /*maximize=*/false);
  }
}

}  // namespace

void adamw_(at::Tensor& values, const at::Tensor& gradient, at::Tensor& first_moment, at::Tensor& second_moment,
            int64_t step, const AdamW& how) {
  require(gradient.sizes() == values.sizes() && first_moment.sizes() == values.sizes() &&
              second_moment.sizes() == values.sizes(),
          "adamw: four buffers of one length", values, gradient, first_moment, second_moment);
  if (values.is_cuda()) return adamw_cuda_(values, gradient, first_moment, second_moment, step, how);
  if (takes_reference(values)) return adamw_reference_(values, gradient, first_moment, second_moment, step, how);
  const auto count = at::full({}, static_cast<double>(step), at::kFloat);
  // Blocks of a fixed size: ATen's loop rounds otherwise in its last elements than in the others, so where threads
  // share them out would show
  const int64_t length = values.numel(), blocks = (length + kUpdateBlock - 1) / kUpdateBlock;
  cpu::parallel_for(blocks, 1, [&](int64_t first, int64_t last) {
    const c10::InferenceMode no_gradients;
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * kUpdateBlock, size = std::min(kUpdateBlock, length - begin);
      const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, begin, size); };
      at::_fused_adamw_(part(values), part(gradient), part(first_moment), part(second_moment), {}, count, how.lr,
                        how.beta1, how.beta2, how.weight_decay, how.eps, /*amsgrad=*/false, /*maximize=*/false);
    }
  });
}

at::Tensor block_sums_of_squares(const at::Tensor& values) {
  if (takes_reference(values)) return block_sums_of_squares_reference(values);
  const auto flat = values.contiguous().view({-1});
  const int64_t count = flat.numel(), blocks = (count + kNormBlock - 1) / kNormBlock;
  auto sums = at::empty({blocks}, at::kDouble);
  auto* const to = sums.mutable_data_ptr<double>();
  const auto* at = flat.const_data_ptr<float>();
  cpu::parallel_for(blocks, 16, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      double lanes[8] = {};
      const int64_t begin = block * kNormBlock, end = std::min(count, begin + kNormBlock);
      for (int64_t i = begin; i < end; ++i) lanes[(i - begin) % 8] += static_cast<double>(at[i]) * at[i];
      to[block] = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    }
  });
  return sums;
}

double sum_of_squares(const at::Tensor& values) {
  const auto sums = block_sums_of_squares(values).to(at::kCPU);
  double total = 0;
  for (int64_t block = 0; block < sums.numel(); ++block) total += sums.const_data_ptr<double>()[block];
  return total;
}

}  // namespace llava::core
