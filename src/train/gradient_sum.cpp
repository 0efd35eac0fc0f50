// The binary counter, whose lowest level alone is the chain.
#include "train/gradient_sum.hpp"

#include <ATen/ops/empty_like.h>

#include <bit>

namespace llava::core {

// A gradient that finds another is added to it where that lies: it never needs a buffer of its own.
void GradientSum::push(const at::Tensor& gradient) {
  if (levels_.empty()) levels_.emplace_back();
  if (!levels_.front().defined()) {
    if (wants_buffer()) give(at::empty_like(gradient));
    levels_.front() = std::move(spare_.back());
    spare_.pop_back();
    levels_.front().copy_(gradient);
    return;
  }
  levels_.front().add_(gradient);
  if (order_ == SumOrder::chain) return;
  at::Tensor carry = std::move(levels_.front());
  levels_.front().reset();
  for (size_t level = 1;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    if (!levels_[level].defined()) {
      levels_[level] = std::move(carry);
      return;
    }
    levels_[level].add_(carry);
    give(std::move(carry));
    carry = std::move(levels_[level]);
    levels_[level].reset();
  }
}

at::Tensor GradientSum::take() {
  at::Tensor sum;
  for (auto& level : levels_) {
    if (!level.defined()) continue;
    if (sum.defined()) {
      level.add_(sum);
      give(std::move(sum));
    }
    sum = std::move(level);
    level.reset();
  }
  levels_.clear();
  return sum;
}

// Of all numbers up to `count` 2^k - 1 has the most bits.
int64_t GradientSum::most_buffers(SumOrder order, int64_t count) {
  return order == SumOrder::chain ? 1 : std::bit_width(static_cast<uint64_t>(count) + 1) - 1;
}

}  // namespace llava::core
