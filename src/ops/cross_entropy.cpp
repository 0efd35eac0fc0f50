// Cross-entropy with the head's product inside: logits exist for kLossRows rows at a time and turn into their own
// gradient where they lie.
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "ops/check.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/gradient_reference.hpp"
#include "ops/ops.hpp"

namespace llava::core {
namespace {

// One row of logits becomes its gradient; returns the row's part of the loss.
double row_gradient(const cpu::Kernels* kernels, float* logits, int64_t width, int64_t target, float weight) {
  const double wanted = logits[target];
  float largest = 0;
  double sum = 0;
  if (kernels) {
    sum = kernels->exponentials(logits, width, &largest);
    kernels->scale(logits, width, static_cast<float>(weight / sum));
  } else {
    largest = *std::max_element(logits, logits + width);
    for (int64_t i = 0; i < width; ++i) sum += logits[i] = std::exp(logits[i] - largest);
    for (int64_t i = 0; i < width; ++i) logits[i] = static_cast<float>(logits[i] * (weight / sum));
  }
  logits[target] -= weight;
  return weight * (std::log(sum) + largest - wanted);
}

}  // namespace

CrossEntropy cross_entropy(const at::Tensor& hidden_RD, const Weight& head_VD, const at::Tensor& targets_R,
                           const at::Tensor& weights_R, at::Tensor dhead_VD) {
  const int64_t rows = hidden_RD.size(0), vocabulary = head_VD.rows();
  require(hidden_RD.dim() == 2 && hidden_RD.size(1) == head_VD.columns() && targets_R.size(0) == rows &&
              weights_R.size(0) == rows && targets_R.is_contiguous() && weights_R.is_contiguous(),
          "cross_entropy: hidden is [R, D], head [V, D], targets and weights [R]", hidden_RD, head_VD.stored(),
          targets_R, weights_R);
  if (takes_reference(hidden_RD)) return cross_entropy_reference(hidden_RD, head_VD, targets_R, weights_R, dhead_VD);
  if (dhead_VD.defined()) dhead_VD.zero_();
  CrossEntropy result{0, at::empty({rows, hidden_RD.size(1)}, hidden_RD.options())};
  const auto* kernels = cpu::kernels();
  std::vector<double> losses(static_cast<size_t>(rows));
  for (int64_t first = 0; first < rows; first += kLossRows) {
    const int64_t count = std::min(kLossRows, rows - first);
    const auto hidden = hidden_RD.narrow(0, first, count);
    auto logits = linear(hidden, head_VD);
    cpu::parallel_for(
        count, std::max<int64_t>(1, cpu::kSerialElements / 4 / vocabulary), [&](int64_t from, int64_t to) {
          for (int64_t row = from; row < to; ++row) {
            const auto at = first + row;
            losses[static_cast<size_t>(at)] =
                row_gradient(kernels, logits.data_ptr<float>() + row * vocabulary, vocabulary,
                             targets_R.const_data_ptr<int64_t>()[at], weights_R.const_data_ptr<float>()[at]);
          }
        });
    result.dhidden_RD.narrow(0, first, count).copy_(linear_input_gradient(logits, head_VD));
    if (dhead_VD.defined()) dhead_VD.addmm_(logits.t(), hidden);
  }
  double sum = 0;
  for (const auto loss : losses) sum += loss;
  result.loss = sum;
  return result;
}

}  // namespace llava::core
