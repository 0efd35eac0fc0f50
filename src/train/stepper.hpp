// Optimizer steps on one machine: micro-batches in, better parameters out.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "train/gradient_sum.hpp"
#include "train/network.hpp"
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
  double clip = 0;       // largest norm of a gradient; 0 = no bound, as in the published runs
  int64_t max_rows = 0;  // of a sample after the pictures are in; 0 = no bound
  NetworkOptions network;
  RecomputeLimits recompute;
};

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

/// Everything that a step changes: flat f32 buffers as Learners lays them out, and the number of steps done.
struct TrainingState {
  at::Tensor values, first_moment, second_moment;
  int64_t steps_done = 0;
};

class Stepper {
 public:
  /// The plan is borrowed as long as this lives. Throws what Network's constructor throws.
  Stepper(const LoadPlan& plan, const Learners::Mask& learns, const StepRecipe& recipe, const Cancel& cancel);

  /// One step of AdamW on the mean gradient of `leaves`, each of them summed by itself and all in one fixed order.
  /// Nothing has changed when this throws: Error(argument) for a step without a supervised token; Error(diverged) with
  /// both numbers when loss or gradient is not finite; Error(cancelled | timeout).
  StepReport step(std::span<const Leaf> leaves, const Cancel& cancel);

  /// The loss of samples without learning from them, averaged as `leaves` are in a step.
  double evaluate(std::span<const Leaf> leaves, const Cancel& cancel);

  Network& network() { return network_; }
  const TrainingState& state() const { return state_; }

  /// Goes on from there: copies the buffers, which are as long as this one's.
  void restore(const TrainingState& state);

 private:
  struct Range {
    int64_t begin, count;
    double lr_factor, weight_decay;
  };
  std::vector<MicroBatch> batches_of(std::span<const Leaf> leaves) const;
  std::vector<double> weights_of(const std::vector<MicroBatch>& batches) const;
  void update(const at::Tensor& gradient, double lr);

  Network network_;
  StepRecipe recipe_;
  std::vector<Range> ranges_;
  GradientSum sum_;
  TrainingState state_;  // values: the learners' own buffer
};

}  // namespace llava::core
