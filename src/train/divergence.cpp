#include "train/divergence.hpp"

#include <c10/core/InferenceMode.h>

#include <cmath>
#include <optional>

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

/// Which gradients of a micro-batch are not finite.
struct BadGradients {
  std::vector<bool> bad;  // of Learners::all()

  void look_at(const Learners& learners, const Unit& unit) {
    bad.resize(learners.all().size());
    for (size_t i = unit.first; i < unit.last; ++i)
      bad[i] = learners.all()[i].learns() && !is_finite(learners.all()[i].gradient);
  }

  // The way back goes from the last learner to the first.
  std::string told(const Learners& learners) const {
    size_t found = 0, count = 0;
    std::string first;
    for (size_t i = bad.size(); i-- > 0;) {
      count += learners.all()[i].learns();
      if (bad[i] && found++ == 0) first = learners.all()[i].name;
    }
    return found == 0 ? ""
                      : cat(found, " of ", count, " gradients are not finite, ", first, " the first on the way back");
  }
};

// The loss of a micro-batch, or of nothing where the others have one to look at.
double pass(Stepper& stepper, const MicroBatch* batch, BadGradients& bad, const Cancel& cancel) {
  auto& network = stepper.network();
  const auto& learners = network.learners();
  const auto weight = batch ? 1.0 / static_cast<double>(batch->labels()) : 0;
  if (stepper.ranks().gradients_in_shards()) {
    const auto look = [&](size_t unit, const at::Tensor&) { bad.look_at(learners, learners.units()[unit]); };
    return network.pass_by_units(batch ? std::span(batch, 1) : std::span<const MicroBatch>(), weight, look, cancel);
  }
  if (!batch) return 0;
  const auto loss = network.pass(*batch, weight, cancel);
  for (const auto& unit : learners.units()) bad.look_at(learners, unit);
  return loss;
}

// All ranks look together, and find the same.
std::string bad_values(const Stepper& stepper) {
  for (const auto& learner : stepper.network().learners().all())
    if (learner.learns() && !is_finite(stepper.fetch(0, learner.begin, learner.count())))
      return cat(learner.name, " itself is not finite");
  return "";
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
  const auto& config = stepper.network().config();
  const auto ranks = static_cast<size_t>(stepper.ranks().count());
  auto text = or_abort(stepper.in_shards(0) ? stepper.comm() : nullptr, [&] { return bad_values(stepper); });
  for (size_t i = static_cast<size_t>(stepper.ranks().rank()); i < (leaves.size() + ranks - 1) / ranks * ranks;
       i += ranks) {  // the same number of passes on every rank
    std::optional<MicroBatch> batch;
    std::string found;
    if (i < leaves.size() && !leaves[i].empty()) {
      batch =
          make_micro_batch(leaves[i], config.language.vocabulary, config.tokens_per_image(), stepper.recipe().max_rows);
      batch->recompute = stepper.recipe().recompute.choose(batch->rows());
      batch->draw = {stepper.state().steps_done, static_cast<int64_t>(i)};
      if (batch->labels() > 0) found = bad_pixels(leaves[i]);
      if (batch->labels() == 0 || !found.empty()) batch.reset();
    }
    BadGradients bad;
    auto* const others = stepper.ranks().values_in_shards() ? stepper.comm() : nullptr;  // who are in the same pass
    const auto loss = or_abort(others, [&] { return pass(stepper, batch ? &*batch : nullptr, bad, cancel); });
    if (batch) found = bad.told(stepper.network().learners());
    if (batch && !std::isfinite(loss)) found = cat("has the loss ", loss, found.empty() ? "" : "; ", found);
    if (!found.empty())
      text += cat(text.empty() ? "" : "; ", "micro-batch ", i + 1, " (", listed(records[i]), ") ", found);
  }
  return text;
}

}  // namespace llava::core
