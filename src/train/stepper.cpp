// A step in order: what the leaves have to teach, gradients, norm, guard, clip, update.
#include "train/stepper.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/error.hpp"
#include "train/shards.hpp"

namespace llava::core {
namespace {

template <typename State>
auto& moment(State& state, size_t part) {
  return part == 1 ? state.first_moment : state.second_moment;
}

// Of the language model's.
double lr_factor(const std::string& name, const StepRecipe& recipe) {
  const double own = name.starts_with("projector.") ? recipe.projector_lr
                     : name.starts_with("vision.")  ? recipe.vision_lr
                                                    : 0;
  return own > 0 ? own / recipe.adamw.lr : 1;
}

NetworkOptions options_of(NetworkOptions options, const Ranks& ranks) {
  options.ranks = ranks;
  if (!ranks.deterministic && options.lanes == kLanes) options.lanes = 0;
  return options;
}

const Ranks& checked(const Ranks& ranks) {
  if (ranks.zero < 0 || ranks.zero > 3)
    throw Error(Status::argument, cat("the ZeRO level is ", ranks.zero, ", expected 0 to 3"));
  return ranks;
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
      sum_(ranks, network_.learners(), recipe.sum_order) {
  const c10::InferenceMode no_gradients;
  auto& learners = network_.learners();
  for (size_t i = 0; i < learners.units().size(); ++i) {
    const auto& unit = learners.units()[i];
    const auto shard = unit.length / ranks_.count();
    if (ranks_.moments_in_shards())
      owned_.push_back({i, unit.begin + ranks_.rank() * shard, shard, unit.begin / ranks_.count()});
    else
      owned_.push_back({i, unit.begin, unit.length, unit.begin});
    if (unit.length == 0) owned_.pop_back();
  }
  const auto owned = ranks_.moments_in_shards() ? learners.length() / ranks_.count() : learners.length();
  for (auto* moment : {&state_.first_moment, &state_.second_moment})
    *moment = at::zeros({owned}, learners.place().floats());
  for (const auto& learner : learners.all()) {
    if (!learner.learns()) continue;
    const double factor = lr_factor(learner.name, recipe);
    const double decay = learner.decays ? recipe.adamw.weight_decay : 0;
    const Range range{learner.begin, learner.count(), factor, decay};
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
  or_abort(comm(), [&] {
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

// The pass of one leaf of this rank's, or, beyond the last or without a label, none: its gradient goes where the sums are.
LaterNumber Stepper::add_leaf(const Step& step, size_t leaf, const std::vector<bool>& counts, const Cancel& cancel) {
  const bool mine = counts[static_cast<size_t>(ranks_.rank())];
  const auto parts = mine ? std::span(step.batches[leaf]) : std::span<const MicroBatch>();
  const auto weight = mine ? step.weights[leaf] : 0;
  const auto add = [&](size_t unit, const at::Tensor& gradient) { sum_.add(unit, gradient, counts); };
  if (ranks_.gradients_in_shards()) return network_.pass_by_units(parts, weight, add, cancel);
  const auto loss = mine ? network_.pass(parts, weight, cancel) : LaterNumber();
  const auto& gradient = network_.learners().gradient();
  for (size_t i = 0; const auto& unit : network_.learners().units())
    add(i++, gradient.narrow(0, unit.begin, unit.length));
  return loss;
}

// Gradients, round by round: each rank computes one leaf, and unit by unit their pieces change hands. A leaf without a
// label teaches nothing and is no part of the sum.
void Stepper::add_up(Step& step, const Cancel& cancel) {
  const auto ranks = static_cast<size_t>(ranks_.count()), rank = static_cast<size_t>(ranks_.rank());
  sum_.clear();
  for (size_t round = 0; round < step.labels.size(); round += ranks) {
    std::vector<bool> counts;
    for (size_t i = round; i < round + ranks; ++i) counts.push_back(i < step.labels.size() && step.labels[i] > 0);
    const auto i = round + rank;
    if (comm() && (counts[rank] || ranks_.gradients_in_shards()))
      comm()->progress(cat("leaf ", i, " of step ", state_.steps_done + 1), first_ ? Doing::slow : Doing::busy);
    const auto loss = or_abort(comm(), [&] { return add_leaf(step, i, counts, cancel); });
    if (!counts[rank]) continue;
    step.losses[i] = loss;
    step.flops[i] = network_.flops(step.batches[i]);
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

// This rank's shard of each unit's.
std::vector<at::Tensor> Stepper::take_sums() {
  std::vector<at::Tensor> sums;
  for (size_t i = 0; i < network_.learners().units().size(); ++i) sums.push_back(sum_.take(i));
  return sums;
}

// Blocks in the order of the flat buffer: those of a unit's shards follow each other.
double Stepper::norm_of(const std::vector<at::Tensor>& sums) const {
  std::vector<at::Tensor> blocks;
  for (const auto& sum : sums)
    if (sum.defined()) blocks.push_back(block_sums_of_squares(sum));
  auto all = at::cat(blocks);
  const auto mine = all.numel();
  if (comm()) {
    const auto own = all;
    all = at::empty({mine * ranks_.count()}, own.options());
    comm()->all_gather(all, own);
  }
  all = all.to(at::kCPU);
  const auto* const from = all.const_data_ptr<double>();
  double total = 0;
  int64_t first = 0;  // of the unit's, in each rank's
  for (const auto& unit : blocks) {
    for (int64_t rank = 0; rank < ranks_.count(); ++rank)
      for (int64_t i = 0; i < unit.numel(); ++i) total += from[rank * mine + first + i];
    first += unit.numel();
  }
  return std::sqrt(total);
}

void Stepper::update_piece(const Piece& piece, const at::Tensor& gradient, double lr) {
  const auto &values = network_.learners().values(), &lower = network_.learners().remainders();
  for (const auto& range : ranges_) {
    const auto begin = std::max(range.begin, piece.begin);
    const auto end = std::min(range.begin + range.count, piece.begin + piece.count);
    if (begin >= end) continue;
    const auto in_shard = piece.shard + begin - piece.begin;
    auto how = recipe_.adamw;
    how.lr = lr * range.lr_factor;
    how.weight_decay = range.weight_decay;
    auto value = values.narrow(0, ranks_.values_in_shards() ? in_shard : begin, end - begin);
    auto first = state_.first_moment.narrow(0, in_shard, end - begin);
    auto second = state_.second_moment.narrow(0, in_shard, end - begin);
    const auto slope = gradient.narrow(0, begin - piece.begin, end - begin);
    if (lower.defined())
      adamw_({value, lower.narrow(0, in_shard, end - begin)}, slope, first, second, state_.steps_done + 1, how);
    else
      adamw_(value, slope, first, second, state_.steps_done + 1, how);
  }
}

void Stepper::update(const std::vector<at::Tensor>& sums, double lr) {
  auto& learners = network_.learners();
  for (const auto& piece : owned_) {
    const auto& sum = sums[piece.unit];
    const auto& unit = learners.units()[piece.unit];
    const auto whole = [&](const at::Tensor& flat) { return flat.narrow(0, unit.begin, unit.length); };
    if (ranks_.count() > 1 && !ranks_.moments_in_shards()) {
      const auto gradient = whole(learners.gradient());  // free until the next pass
      comm()->all_gather(gradient, sum);
      update_piece(piece, gradient, lr);
    } else {
      update_piece(piece, sum, lr);
      if (ranks_.moments_in_shards() && !ranks_.values_in_shards())
        comm()->all_gather(whole(learners.values()), learners.values().narrow(0, piece.begin, piece.count));
    }
  }
  learners.refresh();
}

at::Tensor Stepper::fetch(size_t part, int64_t begin, int64_t count) const {
  const c10::InferenceMode no_gradients;
  const auto& learners = network_.learners();
  if (part == 0) return master_values(learners, begin, count).to(at::kCPU);
  const auto& flat = moment(state_, part);
  if (!in_shards(part)) return flat.narrow(0, begin, count).to(at::kCPU);
  return gathered(ranks_, learners.unit_at(begin), flat, begin, count).to(at::kCPU);
}

void Stepper::put(size_t part, int64_t begin, const at::Tensor& numbers) {
  const c10::InferenceMode no_gradients;
  auto& learners = network_.learners();
  if (part == 0) return learners.put(begin, numbers);
  put_numbers(ranks_, learners.unit_at(begin), moment(state_, part), in_shards(part), begin, numbers);
}

bool Stepper::has(size_t part, int64_t begin, int64_t count) const {
  const bool apart = part == 0 ? ranks_.values_in_shards() : ranks_.moments_in_shards();
  return !apart || own_part(ranks_, network_.learners().unit_at(begin), begin, count).count > 0;
}

void Stepper::go_on(int64_t steps_done, int64_t left_out, int64_t left_out_in_a_row) {
  const c10::InferenceMode no_gradients;
  network_.learners().refresh();
  state_.steps_done = steps_done;
  state_.left_out = left_out;
  state_.left_out_in_a_row = left_out_in_a_row;
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
  auto sums = take_sums();
  report.gradient_norm = norm_of(sums);
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm))
    throw Error(Status::diverged, cat("step ", report.step, ": the loss is ", report.loss, " and the gradient's norm ",
                                      report.gradient_norm, ", expected finite numbers; nothing was changed"));
  if (recipe_.clip > 0 && report.gradient_norm > recipe_.clip) {
    for (auto& sum : sums)
      if (sum.defined()) sum.mul_(recipe_.clip / (report.gradient_norm + 1e-6));
    report.clipped = true;
  }
  update(sums, report.lr);
  ++state_.steps_done;
  state_.left_out_in_a_row = 0;
  first_ = false;
  if (comm()) comm()->progress(cat("after step ", report.step), Doing::busy);
  return report;
}

double Stepper::evaluate(std::span<const Leaf> leaves, const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  auto step = prepare(leaves);
  const auto ranks = static_cast<size_t>(ranks_.count());
  for (size_t round = 0; round < leaves.size(); round += ranks) {
    const auto i = round + static_cast<size_t>(ranks_.rank());
    const bool mine = i < leaves.size() && !step.batches[i].empty() && step.labels[i] > 0;
    if (!mine && !ranks_.values_in_shards()) continue;
    if (comm()) comm()->progress(cat("leaf ", i, " of an evaluation"), Doing::slow);
    const auto parts = mine ? std::span<const MicroBatch>(step.batches[i]) : std::span<const MicroBatch>();
    const auto loss = or_abort(comm(), [&] { return network_.loss(parts, mine ? step.weights[i] : 0, cancel); });
    if (mine) step.losses[i] = loss;
  }
  auto losses = step.known_losses();
  share(losses);
  double loss = 0;
  for (const auto part : losses) loss += part;
  return loss;
}

}  // namespace llava::core
