// The sum of the micro-batches' gradients as one fixed expression. Whoever adds up the same gradients in the same order gets
// the same bits, on any number of ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace llava::core {

/// Which expression.
///   tree   a binary counter: every gradient enters at level 0, two of a level make one of the next, and what is left at
///          the end is folded from the smallest; for 2^k gradients the balanced tree
///   chain  ((first + second) + third) + …, in one buffer whatever their number
enum class SumOrder : uint8_t { tree, chain };

class GradientSum {
 public:
  explicit GradientSum(SumOrder order = SumOrder::tree) : order_(order) {}

  /// Takes over the bits of `gradient`, not the tensor.
  void push(const at::Tensor& gradient);

  /// The sum of all that were pushed since the last call; undefined when there were none.
  at::Tensor take();

  /// Whether the next push() makes a buffer, unless it is given one.
  bool wants_buffer() const { return spare_.empty() && (levels_.empty() || !levels_.front().defined()); }
  void give(at::Tensor buffer) { spare_.push_back(std::move(buffer)); }

  /// The most buffers that a sum of `count` gradients needs: the tree one for each bit of the number that it has at a time.
  static int64_t most_buffers(SumOrder order, int64_t count);

 private:
  SumOrder order_;
  std::vector<at::Tensor> levels_;  // undefined: this level is empty; a chain has one
  std::vector<at::Tensor> spare_;   // buffers to use again
};

}  // namespace llava::core
