// Flat buffers and their views.
#include "train/learners.hpp"

#include <ATen/ops/zeros.h>

#include "base/error.hpp"
#include "ops/gradients.hpp"
#include "ops/ops.hpp"

namespace llava::core {

Learner* Learners::add(const std::string& name, const std::vector<int64_t>& shape, bool matrix) {
  Learner learner{name, shape, {}, {}, {}, 0};
  if (matrix) {
    learner.weight = parameters_.take_matrix(name, shape);
    if (learner.weight.defined()) learner.value = learner.weight.stored();
  } else {
    learner.value = parameters_.take(name, shape);
  }
  all_.push_back(std::move(learner));
  return &all_.back();
}

void Learners::finish() {
  parameters_.finish();
  int64_t end = 0;
  for (auto& learner : all_) {
    if (!mask_(learner.name)) continue;
    learner.begin = end;
    learning_ += learner.value.numel();
    end += (learner.value.numel() + kAlignment - 1) / kAlignment * kAlignment;
  }
  if (end == 0) throw Error(Status::argument, "no parameter learns: the mask fits no name");
  values_ = at::zeros({end}, at::kFloat);
  gradient_ = at::zeros({end}, at::kFloat);
  for (auto& learner : all_) {
    if (!mask_(learner.name)) continue;
    const auto shape = learner.value.sizes().vec();
    const int64_t count = learner.value.numel();
    auto place = values_.narrow(0, learner.begin, count).view(shape);
    place.copy_(learner.value);
    learner.value = place;
    if (learner.weight.defined()) learner.weight = Weight(place);
    learner.gradient = gradient_.narrow(0, learner.begin, count).view(shape);
  }
}

at::Tensor LearningAffine::forward(const at::Tensor& x) const {
  return linear(x, weight->weight, bias ? bias->value : at::Tensor());
}

void LearningAffine::learn(const at::Tensor& dy, const at::Tensor& x) const {
  if (weight->learns()) linear_weight_gradient(weight->gradient, dy, x);
  if (bias && bias->learns()) bias_gradient(bias->gradient, dy);
}

at::Tensor LearningAffine::backward(const at::Tensor& dy, const at::Tensor& x, at::Tensor sum) const {
  learn(dy, x);
  return linear_input_gradient(dy, weight->weight, std::move(sum));
}

LearningAffine learning_affine(Learners& learners, const std::string& name, int64_t out, int64_t in, bool bias) {
  LearningAffine affine;
  affine.weight = learners.matrix(name + ".weight", {out, in});
  if (bias) affine.bias = learners.vector(name + ".bias", out);
  return affine;
}

}  // namespace llava::core
