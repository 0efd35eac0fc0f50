// Optimizer steps on one or many ranks: micro-batches in, better parameters out.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "train/network.hpp"
#include "train/rank_sum.hpp"
#include "train/schedule.hpp"

namespace llava::core {

/// How the loss of a step is averaged.
///   group  the mean over a micro-batch's supervised tokens, then over the micro-batches: the published runs' rule
///   step   the mean over all supervised tokens of the step
enum class LossMean : uint8_t { group, step };

struct StepRecipe {
  AdamW adamw{2e-5, 0.9, 0.999, 1e-8, 0};  // lr is the peak of the schedule
  double projector_lr = 0;                 // peak of the projector's; 0 = the same
  double vision_lr = 0;                    // peak of the tower's; 0 = the same
  Schedule schedule;
  LossMean loss_mean = LossMean::group;
  SumOrder sum_order = SumOrder::tree;  // of the leaves' gradients
  double clip = 0;                      // largest norm of a gradient; 0 = no bound, as in the published runs
  int64_t max_rows = 0;                 // of a sample after the pictures are in; 0 = no bound
  NetworkOptions network;
  RecomputeLimits recompute;
};

/// The same on all ranks.
struct StepReport {
  int64_t step = 0;  // counted from 1
  double loss = 0;   // before the update
  double lr = 0;
  double gradient_norm = 0;  // before clipping
  bool clipped = false;
  int64_t samples = 0, rows = 0, labels = 0;
  double flops = 0;  // of the model (train/flops)
};

using Leaf = std::vector<const TrainingSample*>;  // of one micro-batch

/// What a step changes besides the values, which are the learners' own: flat f32 buffers as Learners lays them out, from
/// ZeRO level 1 on this rank's shards, and the number of steps done.
struct TrainingState {
  at::Tensor first_moment, second_moment;
  int64_t steps_done = 0;
  int64_t left_out = 0, left_out_in_a_row = 0;  // of these, by pass_over(): in all, and since the last that counted
};

/// With several ranks everything that takes part in a step is called by all of them, in the same order, with leaves of
/// the same number: leaf i is computed by rank i mod ranks, and what stands at other places is not looked at. What goes
/// wrong on one rank alone ends the calls of the others with Error(distributed) that says so.
class Stepper {
 public:
  /// The plan is borrowed as long as this lives. Throws what Network's constructor throws; Error(argument) for a ZeRO
  /// level that there is not.
  Stepper(const LoadPlan& plan, const Learners::Mask& learns, const StepRecipe& recipe, const Cancel& cancel,
          const Ranks& ranks = {});

  /// One step of AdamW on the mean gradient of `leaves`, each of them summed by itself and all in one fixed order.
  /// Nothing has changed when this throws: Error(argument) for samples without a supervised token (a step without samples counts and
  /// changes nothing); Error(diverged) with
  /// both numbers when loss or gradient is not finite, on all ranks; Error(cancelled | timeout | distributed).
  StepReport step(std::span<const Leaf> leaves, const Cancel& cancel);

  /// Counts the step that stands next and leaves it out: nothing else changes.
  void pass_over() { ++state_.steps_done, ++state_.left_out, ++state_.left_out_in_a_row; }

  /// The loss of samples without learning from them, averaged as `leaves` are in a step.
  double evaluate(std::span<const Leaf> leaves, const Cancel& cancel);

  Network& network() { return network_; }
  const Network& network() const { return network_; }
  const TrainingState& state() const { return state_; }
  const StepRecipe& recipe() const { return recipe_; }
  Comm* comm() const { return ranks_.comm; }
  const Ranks& ranks() const { return ranks_; }

  /// `count` numbers f32 from `begin` on of the values (part 0), the first (1) or the second moment (2), all of one unit,
  /// wherever they lie; on the CPU. All ranks call this together.
  at::Tensor fetch(size_t part, int64_t begin, int64_t count) const;

  /// Whether fetch() of a part takes more than this rank.
  bool in_shards(size_t part) const {
    return part == 0 ? network_.learners().masters_in_shards() : ranks_.moments_in_shards();
  }

  /// Another state in place of this: what this rank has of it from `begin` on, all of one unit; whether that is anything of
  /// so many numbers; and when all is there, how far that state was.
  void put(size_t part, int64_t begin, const at::Tensor& numbers);
  bool has(size_t part, int64_t begin, int64_t count) const;
  void go_on(int64_t steps_done, int64_t left_out, int64_t left_out_in_a_row);

 private:
  struct Range {
    int64_t begin, count;
    double lr_factor, weight_decay;
  };
  struct Piece {  // of the flat buffers: one of each unit that learns
    size_t unit;
    int64_t begin, count;
    int64_t shard;  // where it begins in a buffer of shards
  };
  struct Step;  // what is known of one before its gradients
  Step prepare(std::span<const Leaf> leaves);
  void add_up(Step& step, const Cancel& cancel);
  LaterNumber add_leaf(const Step& step, size_t leaf, const std::vector<bool>& counts, const Cancel& cancel);
  void share(std::vector<double>& numbers) const;
  std::vector<at::Tensor> take_sums();
  double norm_of(const std::vector<at::Tensor>& sums) const;
  void update(const std::vector<at::Tensor>& sums, double lr);
  void update_piece(const Piece& piece, const at::Tensor& gradient, double lr);

  Ranks ranks_;
  Network network_;
  StepRecipe recipe_;
  std::vector<Range> ranges_;
  std::vector<Piece> owned_;  // what this rank updates, and has moments of
  RankSum sum_;
  TrainingState state_;
  bool first_ = true;  // the next step is this process's first
};

}  // namespace llava::core
