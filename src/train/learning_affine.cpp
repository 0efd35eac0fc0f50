// Affine maps, there and back.
#include "train/learning_affine.hpp"

#include "ops/gradients.hpp"
#include "ops/ops.hpp"

namespace llava::core {

at::Tensor LearningAffine::forward(const at::Tensor& x, const DropoutDraw& draw) const {
  auto y = linear(x, read(), bias ? bias->used : at::Tensor());
  if (beside) beside.forward(y, x, draw);
  return y;
}

void LearningAffine::pack() {
  if (!weight->learns()) packed = std::make_shared<const Nf4Matrix>(weight->value);
}

void LearningAffine::learn(const at::Tensor& dy, const at::Tensor& x) const {
  if (weight->learns()) linear_weight_gradient(weight->gradient, dy, x);
  if (bias && bias->learns()) bias_gradient(bias->gradient, dy);
}

at::Tensor LearningAffine::backward(const at::Tensor& dy, const at::Tensor& x, const DropoutDraw& draw,
                                    at::Tensor sum) const {
  learn(dy, x);
  auto dx = linear_input_gradient(dy, read(), std::move(sum));
  if (beside) beside.backward(dx, dy, x, draw);
  return dx;
}

LearningAffine learning_affine(Learners& learners, const std::string& name, int64_t out, int64_t in, bool bias) {
  LearningAffine affine;
  affine.weight = learners.matrix(name + ".weight", {out, in});
  if (bias) affine.bias = learners.vector(name + ".bias", out);
  return affine;
}

}  // namespace llava::core
