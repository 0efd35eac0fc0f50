// A LLaVA that learns: parameters and the lanes that work on them. One micro-batch in, a loss and the gradients of all
// learners out.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "checkpoint/plan.hpp"
#include "train/flops.hpp"
#include "train/lane.hpp"

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
  int64_t multiple = Learners::kAlignment;  // of which the length of the flat buffers is one
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

  /// The sum over the targets of all parts of weight * cross-entropy; learners().gradient() holds its gradient afterwards.
  /// The parts of one micro-batch, at most lanes() of them, run side by side, one thread each. The sum of their gradients
  /// depends on how many there are and not on the number of threads. Batches are made on the CPU, and copied to a card.
  LaterNumber pass(std::span<const MicroBatch> parts, double weight, const Cancel& cancel);
  LaterNumber pass(const MicroBatch& batch, double weight, const Cancel& cancel) {
    return pass({&batch, 1}, weight, cancel);
  }

  /// The loss alone, without dropout.
  LaterNumber loss(std::span<const MicroBatch> parts, double weight, const Cancel& cancel);
  LaterNumber loss(const MicroBatch& batch, double weight, const Cancel& cancel) {
    return loss({&batch, 1}, weight, cancel);
  }

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
  LaterNumber run(std::span<const MicroBatch> parts, Work&& work);

  ModelConfig config_;
  NetworkOptions options_;
  Parameters parameters_;
  Learners learners_;
  std::vector<std::unique_ptr<Learners>> beside_;  // of the lanes but the first
  std::optional<VisionTower> frozen_tower_;
  std::deque<Lane> lanes_;
  FlopModel flop_model_;
};

}  // namespace llava::core
