// A LLaVA that learns: parameters and the lanes that work on them. One micro-batch in, a loss and the gradients of all
// learners out.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "checkpoint/plan.hpp"
#include "train/flops.hpp"
#include "train/lane.hpp"
#include "train/value_shards.hpp"

namespace llava::core {

/// Lanes of a network. Their number is the same whatever the number of threads, and each is computed on one thread, so that
/// results are. Small pieces stay in
/// the cache besides: of 1, 2, 4 and 8 four were the fastest, on one thread as well as on two (tests/bench/README.md).
inline constexpr int64_t kLanes = 4;
inline constexpr int64_t kMostLanes = 16;

/// Models of which more learns, or whose decoder blocks have more parameters, run a micro-batch in one piece: their
/// operations are large enough to be shared out themselves, and a gradient more for each lane would cost more than it brings.
inline constexpr int64_t kLaneParameters = 16 << 20, kLaneBlocks = 128 << 20;

/// What a network is besides its checkpoint and what learns of it.
struct NetworkOptions {
  LoraRecipe lora;
  Precision precision = Precision::f32;
  bool nf4_base = false;  // frozen matrices of the language model's blocks are kept in four bits (ops/nf4): with LoRA
                          // beside them this is QLoRA. Head, table, projector and tower stay as they are
  ComputePlace place;     // on a card there is one lane
  Ranks ranks;            // what of values and gradients lies in shards
  int64_t lanes =
      kLanes;  // parts of a micro-batch that run side by side; 0 = kLanes, or one a thread if there are more
};

/// Lanes of a network with these options of which so many parameters learn.
int64_t lane_count(const NetworkOptions& options, const LanguageConfig& config, int64_t learning);

class Network {
 public:
  /// Takes the weights that the plan found; the plan is borrowed as long as this lives. On the CPU frozen weights stay
  /// mapped. Throws Error(unsupported) for models that cut pictures into tiles and for four bits on a card; what
  /// check_lora(), low_rank() and Learners::finish() throw.
  Network(const LoadPlan& plan, const Learners::Mask& learns, const Cancel& cancel, const NetworkOptions& options = {});

  /// Where gradients are whole: the sum over the targets of all parts of weight * cross-entropy; learners().gradient()
  /// holds its gradient afterwards. The parts of one micro-batch, at most lanes() of them, run side by side, one thread
  /// each. The sum of their gradients depends on how many there are and not on the number of threads. Batches are made on
  /// the CPU, and copied to a card.
  LaterNumber pass(std::span<const MicroBatch> parts, double weight, const Cancel& cancel);
  LaterNumber pass(const MicroBatch& batch, double weight, const Cancel& cancel) {
    return pass({&batch, 1}, weight, cancel);
  }

  /// Where gradients lie in shards: the same unit by unit. `sink` hears each unit that learns and its gradient [length],
  /// of the same bits, as soon as no later block adds to it; after that its room is used again. Without parts gradients
  /// are zero: a rank takes part all the same. Where values lie in shards all ranks call this together.
  using GradientSink = std::function<void(size_t unit, const at::Tensor& gradient)>;
  LaterNumber pass_by_units(std::span<const MicroBatch> parts, double weight, const GradientSink& sink,
                            const Cancel& cancel);

  /// The loss alone, without dropout. Where values lie in shards all ranks call this together, some of them perhaps
  /// without parts, or the first alone in lend().
  LaterNumber loss(std::span<const MicroBatch> parts, double weight, const Cancel& cancel);
  LaterNumber loss(const MicroBatch& batch, double weight, const Cancel& cancel) {
    return loss({&batch, 1}, weight, cancel);
  }

  /// The values of a learner, f32. Where anything of them lies in shards (Learners::masters_in_shards) all ranks call this
  /// together, or the first alone in lend().
  at::Tensor value(const Learner& learner) const;

  /// The same as a pass computes with it, f32 or bf16. Together, or in lend(), where values lie in shards.
  at::Tensor stored(const Learner& learner) const;

  /// What the first rank does with the whole model (train/value_shards); all ranks call this together.
  void lend(const std::function<void()>& work) { shards_.lend(work); }

  /// Model FLOPs of pass() (train/flops).
  double flops(std::span<const MicroBatch> parts) const;

  /// Into how many parts a micro-batch may be cut.
  int64_t lanes() const { return static_cast<int64_t>(lanes_.size()); }

  Learners& learners() { return learners_; }
  const Learners& learners() const { return learners_; }
  const ModelConfig& config() const { return config_; }
  const NetworkOptions& options() const { return options_; }

 private:
  template <typename Work>
  void each(size_t parts, Work&& work);
  std::span<const MicroBatch> placed(std::span<const MicroBatch> parts, std::vector<MicroBatch>& copies) const;
  template <typename Work>
  LaterNumber run(std::span<const MicroBatch> parts, Work&& work);
  LaterNumber run_stages(const std::vector<Stage>& stages, std::span<const MicroBatch> parts, double weight,
                         const GradientSink* sink, const Cancel& cancel);
  void make_room(size_t unit, size_t parts);
  void hand_over(size_t unit, const GradientSink& sink);

  ModelConfig config_;
  NetworkOptions options_;
  Parameters parameters_;
  Learners learners_;
  std::vector<std::unique_ptr<Learners>> beside_;  // of the lanes but the first
  std::optional<VisionTower> frozen_tower_;
  std::deque<Lane> lanes_;
  ValueShards shards_;
  Rooms rooms_;                                // for gradients of a unit
  std::vector<std::vector<at::Tensor>> room_;  // by unit: of each part, while stages write to it
  FlopModel flop_model_;
};

}  // namespace llava::core
