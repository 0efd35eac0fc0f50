// An affine map whose parameters may learn, and what may learn beside it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "train/learners.hpp"
#include "train/low_rank.hpp"

namespace llava::core {

struct LearningAffine {
  Learner* weight = nullptr;
  Learner* bias = nullptr;  // null where the checkpoint has none
  LowRankLearner beside;    // empty without LoRA

  bool learns() const { return needs_input() || (bias && bias->learns()); }

  /// Whether backward() reads x.
  bool needs_input() const { return weight->learns() || beside; }

  at::Tensor forward(const at::Tensor& x, const DropoutDraw& draw = {}) const;

  /// Writes the gradients of what learns (x may be undefined where needs_input() is false) and returns that of x, added
  /// to `sum` if it is defined.
  at::Tensor backward(const at::Tensor& dy, const at::Tensor& x, const DropoutDraw& draw = {},
                      at::Tensor sum = {}) const;

  /// Of a map without LoRA: the same without the gradient of x.
  void learn(const at::Tensor& dy, const at::Tensor& x) const;
};

LearningAffine learning_affine(Learners& learners, const std::string& name, int64_t out, int64_t in, bool bias);

}  // namespace llava::core
