// The binary counter.
#include "train/gradient_sum.hpp"

#include <ATen/ops/empty_like.h>

namespace llava::core {

void GradientSum::push(const at::Tensor& gradient) {
  at::Tensor carry = spare_.empty() ? at::empty_like(gradient) : std::move(spare_.back());
  if (!spare_.empty()) spare_.pop_back();
  carry.copy_(gradient);
  for (size_t level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    if (!levels_[level].defined()) {
      levels_[level] = std::move(carry);
      return;
    }
    levels_[level].add_(carry);
    spare_.push_back(std::move(carry));
    carry = std::move(levels_[level]);
    levels_[level].reset();
  }
}

void GradientSum::clear() {
  for (auto& level : levels_)
    if (level.defined()) spare_.push_back(std::move(level));
  levels_.clear();
}

at::Tensor GradientSum::take() {
  at::Tensor sum;
  for (auto& level : levels_) {
    if (!level.defined()) continue;
    if (sum.defined()) {
      level.add_(sum);
      spare_.push_back(std::move(sum));
    }
    sum = std::move(level);
    level.reset();
  }
  levels_.clear();
  return sum;
}

}  // namespace llava::core
