// AdamW on flat buffers, whose values may lie in two halves, and the norm of one.
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "ops/check.hpp"
#include "ops/cpu/parallel.hpp"
#include "ops/gradient_reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kUpdateBlock = 1 << 16;  // numbers
constexpr int64_t kCardBlock = 1 << 28;    // numbers of one launch
constexpr int64_t kCardPiece = 1 << 24;    // numbers of two halves that are joined at a time: 64 MiB

/// What belongs together of flat buffers of one length.
struct Flat {
  at::Tensor values, gradient, first_moment, second_moment;
};

void fused(const Flat& part, const at::Tensor& count, const AdamW& how) {
  at::_fused_adamw_(part.values, part.gradient, part.first_moment, part.second_moment, {}, count, how.lr, how.beta1,
                    how.beta2, how.weight_decay, how.eps, /*amsgrad=*/false, /*maximize=*/false);
}

// The same formula in one kernel, where adamw_reference_() takes several.
void adamw_cuda_(at::Tensor& values, const at::Tensor& gradient, at::Tensor& first_moment, at::Tensor& second_moment,
                 int64_t step, const AdamW& how) {
  const auto count = at::full({}, static_cast<double>(step), values.options());
  for (int64_t begin = 0; begin < values.numel(); begin += kCardBlock) {
    const auto part = [&](const at::Tensor& flat) {
      return flat.narrow(0, begin, std::min(kCardBlock, values.numel() - begin));
    };
    fused({part(values), part(gradient), part(first_moment), part(second_moment)}, count, how);
  }
}

// Blocks of a fixed size: ATen's loop rounds otherwise in its last elements than in the others, so where threads share
// them out would show. `block(begin, size, scratch)` for each; scratch: f32, a thread's own.
template <typename Block>
void in_blocks(int64_t length, Block&& block) {
  const int64_t blocks = (length + kUpdateBlock - 1) / kUpdateBlock;
  cpu::parallel_for(blocks, 1, [&](int64_t first, int64_t last) {
    const c10::InferenceMode no_gradients;
    at::Tensor scratch;
    for (int64_t i = first; i < last; ++i)
      block(i * kUpdateBlock, std::min(kUpdateBlock, length - i * kUpdateBlock), scratch);
  });
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
  in_blocks(values.numel(), [&](int64_t begin, int64_t size, at::Tensor&) {
    const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, begin, size); };
    fused({part(values), part(gradient), part(first_moment), part(second_moment)}, count, how);
  });
}

void adamw_(const SplitMaster& values, const at::Tensor& gradient, at::Tensor& first_moment, at::Tensor& second_moment,
            int64_t step, const AdamW& how) {
  const auto length = values.count();
  require(gradient.numel() == length && first_moment.numel() == length && second_moment.numel() == length,
          "adamw: four buffers of one length", values.weights, gradient, first_moment, second_moment);
  if (takes_reference(gradient)) {
    for (int64_t begin = 0; begin < length; begin += kCardPiece) {
      const auto size = std::min(kCardPiece, length - begin);
      auto whole = at::empty({size}, gradient.options());
      auto first = first_moment.narrow(0, begin, size), second = second_moment.narrow(0, begin, size);
      join(values.narrow(begin, size), whole);
      adamw_(whole, gradient.narrow(0, begin, size), first, second, step, how);
      split(whole, values.narrow(begin, size));
    }
    return;
  }
  const auto count = at::full({}, static_cast<double>(step), at::kFloat);
  in_blocks(length, [&](int64_t begin, int64_t size, at::Tensor& scratch) {
    const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, begin, size); };
    if (!scratch.defined()) scratch = at::empty({kUpdateBlock}, gradient.options());
    const auto halves = values.narrow(begin, size);
    const auto whole = scratch.narrow(0, 0, size);
    join(halves, whole);
    fused({whole, part(gradient), part(first_moment), part(second_moment)}, count, how);
    split(whole, halves);
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
