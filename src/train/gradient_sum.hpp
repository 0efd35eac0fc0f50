// The sum of the micro-batches' gradients as one fixed expression, a binary counter: every gradient enters at level 0,
// two of a level make one of the next, and what is left at the end is folded from the smallest. Whoever adds up the same
// gradients in the same order gets the same bits, on any number of ranks.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace llava::core {

class GradientSum {
 public:
  /// Takes over the bits of `gradient`, not the tensor.
  void push(const at::Tensor& gradient);

  /// The sum of all that were pushed since the last call; undefined when there were none.
  at::Tensor take();

  /// A buffer that push() may use. Where it has none it makes one.
  void give_back(at::Tensor buffer) { spare_.push_back(std::move(buffer)); }
  bool has_spare() const { return !spare_.empty(); }

  /// Forgets what was pushed.
  void clear();

 private:
  std::vector<at::Tensor> levels_;  // undefined: this level is empty
  std::vector<at::Tensor> spare_;   // buffers to use again
};

}  // namespace llava::core
