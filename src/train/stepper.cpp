// A step in order: gradients, norm, guard, clip, update.
#include "train/stepper.hpp"

#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>

#include "base/error.hpp"

namespace llava::core {
namespace {

// Of the language model's.
double lr_factor(const std::string& name, const StepRecipe& recipe) {
  const double own = name.starts_with("projector.") ? recipe.projector_lr
                     : name.starts_with("vision.")  ? recipe.vision_lr
                                                    : 0;
  return own > 0 ? own / recipe.adamw.lr : 1;
}

}  // namespace

Stepper::Stepper(const LoadPlan& plan, const Learners::Mask& learns, const StepRecipe& recipe, const Cancel& cancel)
    : network_(plan, learns, cancel, recipe.network), recipe_(recipe) {
  const c10::InferenceMode no_gradients;
  auto& learners = network_.learners();
  state_ = {learners.values(), at::zeros_like(learners.values()), at::zeros_like(learners.values()), 0};
  for (const auto& learner : learners.all()) {
    if (!learner.learns()) continue;
    const double factor = lr_factor(learner.name, recipe);
    const double decay = learner.decays ? recipe.adamw.weight_decay : 0;
    const Range range{learner.begin, learner.value.numel(), factor, decay};
    auto* const last = ranges_.empty() ? nullptr : &ranges_.back();
    if (last && last->lr_factor == factor && last->weight_decay == decay)
      last->count = range.begin + range.count - last->begin;  // the gap between them is zero and stays so
    else
      ranges_.push_back(range);
  }
}

std::vector<MicroBatch> Stepper::batches_of(std::span<const Leaf> leaves) const {
  const auto& config = network_.config();
  std::vector<MicroBatch> batches;
  for (const auto& leaf : leaves) {
    auto batch = make_micro_batch(leaf, config.language.vocabulary, config.tokens_per_image(), recipe_.max_rows);
    batch.recompute = recipe_.recompute.choose(batch.rows());
    batch.draw = {state_.steps_done, static_cast<int64_t>(batches.size())};
    batches.push_back(std::move(batch));
  }
  return batches;
}

// Of each supervised token of each micro-batch.
std::vector<double> Stepper::weights_of(const std::vector<MicroBatch>& batches) const {
  int64_t labels = 0;
  double taught = 0;  // micro-batches with a label
  for (const auto& batch : batches) labels += batch.labels(), taught += batch.labels() > 0;
  if (labels == 0)
    throw Error(Status::argument, cat("a step of ", batches.size(), " micro-batches has no supervised token"));
  std::vector<double> weights;
  for (const auto& batch : batches)
    weights.push_back(recipe_.loss_mean == LossMean::step ? 1.0 / static_cast<double>(labels)
                      : batch.labels() > 0                ? 1.0 / (taught * static_cast<double>(batch.labels()))
                                                          : 0);
  return weights;
}

void Stepper::update(const at::Tensor& gradient, double lr) {
  for (const auto& range : ranges_) {
    const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, range.begin, range.count); };
    auto how = recipe_.adamw;
    how.lr = lr * range.lr_factor;
    how.weight_decay = range.weight_decay;
    auto value = part(state_.values), first = part(state_.first_moment), second = part(state_.second_moment);
    adamw_(value, part(gradient), first, second, state_.steps_done + 1, how);
  }
  network_.learners().refresh();
}

void Stepper::restore(const TrainingState& state) {
  const c10::InferenceMode no_gradients;
  state_.values.copy_(state.values);
  network_.learners().refresh();
  state_.first_moment.copy_(state.first_moment);
  state_.second_moment.copy_(state.second_moment);
  state_.steps_done = state.steps_done;
}

StepReport Stepper::step(std::span<const Leaf> leaves, const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  const auto batches = batches_of(leaves);
  const auto weights = weights_of(batches);
  StepReport report;
  report.step = state_.steps_done + 1;
  report.lr = recipe_.adamw.lr * recipe_.schedule.factor(state_.steps_done);
  sum_.clear();
  for (size_t i = 0; i < batches.size(); ++i) {
    report.samples += static_cast<int64_t>(leaves[i].size());
    report.rows += batches[i].rows();
    report.labels += batches[i].labels();
    if (batches[i].labels() == 0) continue;  // teaches nothing
    report.loss += network_.pass(batches[i], weights[i], cancel);
    report.flops += network_.flops(batches[i]);
    sum_.push(network_.learners().gradient());
  }
  auto gradient = sum_.take();
  report.gradient_norm = std::sqrt(sum_of_squares(gradient));
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm))
    throw Error(Status::diverged, cat("step ", report.step, ": the loss is ", report.loss, " and the gradient's norm ",
                                      report.gradient_norm, ", expected finite numbers; nothing was changed"));
  if (recipe_.clip > 0 && report.gradient_norm > recipe_.clip) {
    gradient.mul_(recipe_.clip / (report.gradient_norm + 1e-6));
    report.clipped = true;
  }
  update(gradient, report.lr);
  sum_.give_back(std::move(gradient));
  ++state_.steps_done;
  return report;
}

double Stepper::evaluate(std::span<const Leaf> leaves, const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  const auto batches = batches_of(leaves);
  const auto weights = weights_of(batches);
  double loss = 0;
  for (size_t i = 0; i < batches.size(); ++i)
    if (batches[i].labels() > 0) loss += network_.loss(batches[i], weights[i], cancel);
  return loss;
}

}  // namespace llava::core
