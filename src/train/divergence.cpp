#include "train/divergence.hpp"

#include <c10/core/InferenceMode.h>

#include <cmath>

#include "base/error.hpp"
#include "ops/gradients.hpp"

namespace llava::core {
namespace {

bool is_finite(const at::Tensor& tensor) {
  const auto flat = tensor.to(at::kCPU, at::kFloat).contiguous();
  const auto* numbers = flat.const_data_ptr<float>();
  for (int64_t i = 0; i < flat.numel(); ++i)
    if (!std::isfinite(numbers[i])) return false;
  return true;
}

std::string bad_pixels(const Leaf& leaf) {
  for (const auto* sample : leaf)
    for (const auto& pixels : sample->pixels)
      if (!is_finite(pixels)) return "has pixels that are not finite";
  return "";
}

// The way back goes from the last learner to the first.
std::string bad_gradients(const Learners& learners) {
  size_t bad = 0, count = 0;
  std::string first;
  for (auto learner = learners.all().rbegin(); learner != learners.all().rend(); ++learner) {
    if (!learner->learns()) continue;
    ++count;
    if (is_finite(learner->gradient)) continue;
    if (bad++ == 0) first = learner->name;
  }
  return bad == 0 ? "" : cat(bad, " of ", count, " gradients are not finite, ", first, " the first on the way back");
}

std::string listed(const std::vector<int64_t>& records) {
  std::string text;
  for (const auto record : records) text += cat(text.empty() ? "records " : ", ", record + 1);
  return text;
}

}  // namespace

std::string what_diverged(Stepper& stepper, std::span<const Leaf> leaves,
                          const std::vector<std::vector<int64_t>>& records, const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  auto& network = stepper.network();
  const auto& config = network.config();
  std::string text;
  for (const auto& learner : network.learners().all())
    if (learner.learns() && text.empty() && !is_finite(learner.value))
      text = cat(learner.name, " itself is not finite");
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].empty()) continue;
    auto batch =
        make_micro_batch(leaves[i], config.language.vocabulary, config.tokens_per_image(), stepper.recipe().max_rows);
    if (batch.labels() == 0) continue;
    batch.recompute = stepper.recipe().recompute.choose(batch.rows());
    batch.draw = {stepper.state().steps_done, static_cast<int64_t>(i)};
    auto found = bad_pixels(leaves[i]);
    if (found.empty()) {
      const double loss = network.pass(batch, 1.0 / static_cast<double>(batch.labels()), cancel);
      found = bad_gradients(network.learners());
      if (!std::isfinite(loss)) found = cat("has the loss ", loss, found.empty() ? "" : "; ", found);
    }
    if (!found.empty())
      text += cat(text.empty() ? "" : "; ", "micro-batch ", i + 1, " (", listed(records[i]), ") ", found);
  }
  return text;
}

}  // namespace llava::core
