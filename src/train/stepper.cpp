// A step in order: what the leaves have to teach, gradients, norm, guard, clip, update.
#include "train/stepper.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
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

NetworkOptions options_of(NetworkOptions options, const Ranks& ranks) {
  options.multiple = RankSum::multiple(ranks);
  if (!ranks.deterministic && options.lanes == kLanes) options.lanes = 0;
  return options;
}

const Ranks& checked(const Ranks& ranks) {
  if (ranks.zero < 0 || ranks.zero > 3)
    throw Error(Status::argument, cat("the ZeRO level is ", ranks.zero, ", expected 0 to 3"));
  if (ranks.zero > 1)
    throw Error(Status::unsupported, cat("ZeRO level ", ranks.zero,
                                         " is not built: levels 0 and 1 are, which keep all values on every rank"));
  return ranks;
}

// What only this rank does: if it fails, the others must not wait for it.
template <typename Work>
auto alone(Comm* comm, Work&& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    if (comm) comm->abort(error.what());
    throw;
  }
}

}  // namespace

/// The micro-batches of this rank, and of all leaves what is to be known of them.
struct Stepper::Step {
  bool empty = false;                            // no sample on any rank
  std::vector<std::vector<MicroBatch>> batches;  // in parts, of other ranks none
  std::vector<int64_t> samples, rows, labels;
  std::vector<double> weights, flops;
  std::vector<LaterNumber> losses;  // read together, when all that makes them is on its way

  std::vector<double> known_losses() const { return {losses.begin(), losses.end()}; }
};

Stepper::Stepper(const LoadPlan& plan, const Learners::Mask& learns, const StepRecipe& recipe, const Cancel& cancel,
                 const Ranks& ranks)
    : ranks_(checked(ranks)),
      network_(plan, learns, cancel, options_of(recipe.network, ranks)),
      recipe_(recipe),
      sum_(ranks) {
  const c10::InferenceMode no_gradients;
  auto& learners = network_.learners();
  const auto length = learners.values().numel();
  shard_ = length / ranks_.count();
  owned_begin_ = ranks_.zero == 0 ? 0 : ranks_.rank() * shard_;
  owned_count_ = ranks_.zero == 0 ? length : shard_;
  const auto moment = [&] { return at::zeros({owned_count_}, learners.place().floats()); };
  state_ = {learners.values(), moment(), moment(), 0};
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

Stepper::Step Stepper::prepare(std::span<const Leaf> leaves) {
  const auto& config = network_.config();
  const auto count = static_cast<int64_t>(leaves.size());
  Step step;
  step.batches.resize(leaves.size());
  auto known = at::zeros({3, count}, at::kLong);
  auto* const at = known.mutable_data_ptr<int64_t>();
  alone(comm(), [&] {
    for (int64_t i = ranks_.rank(); i < count; i += ranks_.count()) {
      const auto& leaf = leaves[static_cast<size_t>(i)];
      auto& parts = step.batches[static_cast<size_t>(i)];
      parts = make_micro_batches(leaf, config.language.vocabulary, config.tokens_per_image(), recipe_.max_rows,
                                 network_.lanes());
      at[i] = static_cast<int64_t>(leaf.size());
      for (auto& part : parts) {
        part.draw = {state_.steps_done, i, at[count + i]};
        at[count + i] += part.rows(), at[2 * count + i] += part.labels();
      }
      for (auto& part : parts) part.recompute = recipe_.recompute.choose(at[count + i]);
    }
  });
  if (ranks_.count() > 1) ranks_.comm->all_reduce(known, Reduce::sum);
  step.samples.assign(at, at + count);
  step.rows.assign(at + count, at + 2 * count);
  step.labels.assign(at + 2 * count, at + 3 * count);
  int64_t labels = 0;
  double taught = 0;  // micro-batches with a label
  for (const auto found : step.labels) labels += found, taught += found > 0;
  step.empty = std::all_of(step.samples.begin(), step.samples.end(), [](int64_t samples) { return samples == 0; });
  if (labels == 0 && !step.empty)
    throw Error(Status::argument, cat("a step of ", count, " micro-batches has no supervised token"));
  for (const auto found : step.labels)  // of each supervised token of the micro-batch
    step.weights.push_back(recipe_.loss_mean == LossMean::step ? 1.0 / static_cast<double>(labels)
                           : found > 0                         ? 1.0 / (taught * static_cast<double>(found))
                                                               : 0);
  step.losses.resize(leaves.size());
  step.flops.resize(leaves.size());
  return step;
}

// Gradients, round by round: each rank computes one leaf, then their pieces change hands. A leaf without a label teaches
// nothing and is no part of the sum.
void Stepper::add_up(Step& step, const Cancel& cancel) {
  const auto ranks = static_cast<size_t>(ranks_.count()), rank = static_cast<size_t>(ranks_.rank());
  sum_.clear();
  for (size_t round = 0; round < step.labels.size(); round += ranks) {
    std::vector<bool> counts;
    for (size_t i = round; i < round + ranks; ++i) counts.push_back(i < step.labels.size() && step.labels[i] > 0);
    if (counts[rank]) {
      const auto i = round + rank;
      if (comm())
        comm()->progress(cat("leaf ", i, " of step ", state_.steps_done + 1), first_ ? Doing::slow : Doing::busy);
      step.losses[i] = alone(comm(), [&] { return network_.pass(step.batches[i], step.weights[i], cancel); });
      step.flops[i] = network_.flops(step.batches[i]);
    }
    sum_.add_round(network_.learners().gradient(), counts);
  }
}

// Each entry was set by one rank, the others have zero there: the sum of the bits is the number.
void Stepper::share(std::vector<double>& numbers) const {
  if (ranks_.count() == 1) return;
  auto all = at::empty({static_cast<int64_t>(numbers.size())}, at::kDouble);
  std::copy(numbers.begin(), numbers.end(), all.mutable_data_ptr<double>());
  ranks_.comm->all_reduce(all.view(at::kLong), Reduce::sum);
  std::copy_n(all.const_data_ptr<double>(), numbers.size(), numbers.begin());
}

double Stepper::norm_of(const at::Tensor& shard) const {
  if (ranks_.count() == 1) return std::sqrt(sum_of_squares(shard));
  const auto mine = block_sums_of_squares(shard);
  auto all = at::empty({mine.numel() * ranks_.count()}, mine.options());
  ranks_.comm->all_gather(all, mine);
  all = all.to(at::kCPU);
  double total = 0;
  for (int64_t block = 0; block < all.numel(); ++block) total += all.const_data_ptr<double>()[block];
  return std::sqrt(total);
}

void Stepper::update_owned(const at::Tensor& gradient, double lr) {
  for (const auto& range : ranges_) {
    const auto begin = std::max(range.begin, owned_begin_);
    const auto end = std::min(range.begin + range.count, owned_begin_ + owned_count_);
    if (begin >= end) continue;
    const auto owned = [&](const at::Tensor& flat) { return flat.narrow(0, begin - owned_begin_, end - begin); };
    auto how = recipe_.adamw;
    how.lr = lr * range.lr_factor;
    how.weight_decay = range.weight_decay;
    auto value = state_.values.narrow(0, begin, end - begin);
    auto first = owned(state_.first_moment), second = owned(state_.second_moment);
    adamw_(value, owned(gradient), first, second, state_.steps_done + 1, how);
  }
}

void Stepper::update(at::Tensor shard, double lr) {
  if (ranks_.count() == 1) {
    update_owned(shard, lr);
  } else if (ranks_.zero == 0) {
    auto& whole = network_.learners().gradient();  // free until the next pass
    ranks_.comm->all_gather(whole, shard);
    update_owned(whole, lr);
  } else {
    update_owned(shard, lr);
    ranks_.comm->all_gather(state_.values, state_.values.narrow(0, owned_begin_, owned_count_));
  }
  network_.learners().refresh();
  sum_.give_back(std::move(shard));
}

at::Tensor Stepper::fetch(size_t part, int64_t begin, int64_t count) const {
  const c10::InferenceMode no_gradients;
  const auto& flat = part == 0 ? state_.values : part == 1 ? state_.first_moment : state_.second_moment;
  if (part == 0 || ranks_.zero == 0 || ranks_.count() == 1) return flat.narrow(0, begin, count).to(at::kCPU);
  auto found = at::empty({count}, at::kFloat);
  for (int64_t owner = begin / shard_; owner * shard_ < begin + count; ++owner) {
    const auto from = std::max(begin, owner * shard_), to = std::min(begin + count, (owner + 1) * shard_);
    auto piece = found.narrow(0, from - begin, to - from);
    if (owner == ranks_.rank()) piece.copy_(flat.narrow(0, from - owned_begin_, to - from));
    ranks_.comm->broadcast(piece, owner);
  }
  return found;
}

void Stepper::restore(const TrainingState& state) {
  const c10::InferenceMode no_gradients;
  state_.values.copy_(state.values);
  network_.learners().refresh();
  state_.first_moment.copy_(state.first_moment.narrow(0, owned_begin_, owned_count_));
  state_.second_moment.copy_(state.second_moment.narrow(0, owned_begin_, owned_count_));
  state_.steps_done = state.steps_done;
  state_.left_out = state.left_out;
  state_.left_out_in_a_row = state.left_out_in_a_row;
}

StepReport Stepper::step(std::span<const Leaf> leaves, const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  auto step = prepare(leaves);
  StepReport report;
  report.step = state_.steps_done + 1;
  report.lr = recipe_.adamw.lr * recipe_.schedule.factor(state_.steps_done);
  if (step.empty) {  // all its records were left out: it counts, and changes nothing
    ++state_.steps_done;
    state_.left_out_in_a_row = 0;
    return report;
  }
  add_up(step, cancel);
  auto losses = step.known_losses();
  share(losses);
  share(step.flops);
  for (size_t i = 0; i < leaves.size(); ++i) {
    report.samples += step.samples[i], report.rows += step.rows[i], report.labels += step.labels[i];
    report.loss += losses[i], report.flops += step.flops[i];
  }
  auto shard = sum_.take(network_.learners().gradient());
  report.gradient_norm = norm_of(shard);
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm))
    throw Error(Status::diverged, cat("step ", report.step, ": the loss is ", report.loss, " and the gradient's norm ",
                                      report.gradient_norm, ", expected finite numbers; nothing was changed"));
  if (recipe_.clip > 0 && report.gradient_norm > recipe_.clip) {
    shard.mul_(recipe_.clip / (report.gradient_norm + 1e-6));
    report.clipped = true;
  }
  update(std::move(shard), report.lr);
  ++state_.steps_done;
  state_.left_out_in_a_row = 0;
  first_ = false;
  if (comm()) comm()->progress(cat("after step ", report.step), Doing::busy);
  return report;
}

double Stepper::evaluate(std::span<const Leaf> leaves, const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  auto step = prepare(leaves);
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (step.batches[i].empty() || step.labels[i] == 0) continue;
    if (comm()) comm()->progress(cat("leaf ", i, " of an evaluation"), Doing::slow);
    step.losses[i] = alone(comm(), [&] { return network_.loss(step.batches[i], step.weights[i], cancel); });
  }
  auto losses = step.known_losses();
  share(losses);
  double loss = 0;
  for (const auto part : losses) loss += part;
  return loss;
}

}  // namespace llava::core
