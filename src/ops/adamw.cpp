// AdamW on flat buffers, and the norm of one.
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include "ops/check.hpp"
#include "ops/cpu/parallel.hpp"
#include "ops/gradients.hpp"

namespace llava::core {

void adamw_(at::Tensor& values, const at::Tensor& gradient, at::Tensor& first_moment, at::Tensor& second_moment,
            int64_t step, const AdamW& how) {
  require(gradient.sizes() == values.sizes() && first_moment.sizes() == values.sizes() &&
              second_moment.sizes() == values.sizes(),
          "adamw: four buffers of one length", values, gradient, first_moment, second_moment);
  const auto count = at::full({}, static_cast<double>(step), at::kFloat);
  at::_fused_adamw_(values, gradient, first_moment, second_moment, {}, count, how.lr, how.beta1, how.beta2,
                    how.weight_decay, how.eps, /*amsgrad=*/false, /*maximize=*/false);
}

at::Tensor block_sums_of_squares(const at::Tensor& values) {
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
  const auto sums = block_sums_of_squares(values);
  double total = 0;
  for (int64_t block = 0; block < sums.numel(); ++block) total += sums.const_data_ptr<double>()[block];
  return total;
}

}  // namespace llava::core
