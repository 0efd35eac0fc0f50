// An affine map whose parameters may learn, and what may learn beside it.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "ops/nf4.hpp"
#include "train/learners.hpp"
#include "train/low_rank.hpp"

namespace llava::core {

struct LearningAffine {
  Learner* weight = nullptr;
  Learner* bias = nullptr;                  // null where the checkpoint has none
  LowRankLearner beside;                    // empty without LoRA
  std::shared_ptr<const Nf4Matrix> packed;  // stands for the weight, which is then frozen

  bool learns() const { return needs_input() || (bias && bias->learns()); }

  /// Whether backward() reads x.
  bool needs_input() const { return weight->learns() || beside; }

  at::Tensor forward(const at::Tensor& x, const DropoutDraw& draw = {}) const;

  /// Writes the gradients of what learns (x may be undefined where needs_input() is false) and returns that of x, added
  /// to `sum` if it is defined.
  at::Tensor backward(const at::Tensor& dy, const at::Tensor& x, const DropoutDraw& draw = {},
                      at::Tensor sum = {}) const;

  /// Keeps the weight in four bits from now on, if it is frozen: every product widens it whole and lets it go.
  void pack();

  /// Of a map without LoRA: the same without the gradient of x.
  void learn(const at::Tensor& dy, const at::Tensor& x) const;

 private:
  Weight read() const { return packed ? Weight(packed->widened()) : weight->weight; }
};

LearningAffine learning_affine(Learners& learners, const std::string& name, int64_t out, int64_t in, bool bias);

}  // namespace llava::core
