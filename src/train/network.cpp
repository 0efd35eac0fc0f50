// Lanes side by side.
#include "train/network.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "base/error.hpp"
#include "ops/cpu/parallel.hpp"

namespace llava::core {
namespace {

const LoadPlan& trainable(const LoadPlan& plan) {
  if (plan.checkpoint.tiling)
    throw Error(Status::unsupported,
                cat(plan.checkpoint.path, ": cuts pictures into tiles (LLaVA-NeXT), which is not trained here"));
  return plan;
}

bool tower_learns(const LoadPlan& plan, const Learners::Mask& learns) {
  const auto needed = plan.checkpoint.config.needed_vision_blocks();
  for (const auto& [name, view] : plan.tensors.found)
    if (name.starts_with("vision.") && !is_unused_tensor(name, needed) && learns(name)) return true;
  return false;
}

Placement placement_of(const ComputePlace& place) {
  if (place.reads_stored()) return {};
  return {place.device, place.activations};
}

const NetworkOptions& checked(const NetworkOptions& options) {
  if (options.nf4_base && !options.place.device.is_cpu())
    throw Error(Status::unsupported, cat("a base of four bits is trained beside on the CPU alone, the device is ",
                                         options.place.device.str(), "; expected base_bits 16 or device cpu"));
  return options;
}

}  // namespace

int64_t lane_count(const NetworkOptions& options, const LanguageConfig& config, int64_t learning) {
  const int64_t attention = 2 * config.width * config.head_width * (config.heads + config.key_value_heads);
  const int64_t blocks = config.layers * (attention + 3 * config.width * config.intermediate);
  if (!options.place.device.is_cpu() || options.nf4_base || learning > kLaneParameters || blocks > kLaneBlocks)
    return 1;
  return options.lanes > 0 ? options.lanes : std::clamp<int64_t>(at::get_num_threads(), kLanes, kMostLanes);
}

Network::Network(const LoadPlan& plan, const Learners::Mask& learns, const Cancel& cancel,
                 const NetworkOptions& options)
    : config_(trainable(plan).checkpoint.config),
      options_(checked(options)),
      parameters_(plan.tensors, config_, placement_of(options.place), cancel),
      learners_(parameters_, learns, options.precision, options.place),
      frozen_tower_(tower_learns(plan, learns) ? std::nullopt : std::make_optional<VisionTower>(parameters_, config_)) {
  parameters_.place_on({});  // the learners see to the rest
  const auto* const tower = frozen_tower_ ? &*frozen_tower_ : nullptr;
  lanes_.emplace_back(learners_, config_, options.lora, tower);
  learners_.finish(options.multiple);
  if (options.nf4_base) lanes_.front().pack_frozen(cancel);
  for (auto more = lane_count(options, config_.language, learners_.learning()); more > 1; --more) {
    beside_.push_back(learners_.beside());
    lanes_.emplace_back(*beside_.back(), config_, options.lora, tower);
  }
  for (auto& lane : lanes_) lane.finish();
  flop_model_ = flop_model(
      config_, [&](std::string_view name) { return learners_.masked(name); }, options.lora);
}

// The sum of what `work` gives for each part, each in its own lane; a single part has all threads.
template <typename Work>
LaterNumber Network::run(std::span<const MicroBatch> parts, Work&& work) {
  if (parts.size() > lanes_.size()) throw Error(Status::internal, "more parts of a micro-batch than lanes");
  if (parts.size() == 1 && !options_.place.device.is_cpu())
    return work(lanes_.front(), parts.front().on(options_.place.device));
  if (parts.size() == 1 && (lanes_.size() == 1 || options_.lanes == 0)) return work(lanes_.front(), parts.front());
  std::vector<double> losses(parts.size());
  // At least two pieces, one of which may be empty: a part that is alone is computed on one thread like all others, too
  const auto pieces = std::max<size_t>(2, parts.size());
  cpu::parallel_for(static_cast<int64_t>(pieces), 1, [&](int64_t first, int64_t last) {
    const c10::InferenceMode no_gradients;  // of this thread
    const cpu::SerialProducts serial;
    const auto end = std::min(static_cast<size_t>(last), parts.size());
    for (auto i = static_cast<size_t>(first); i < end; ++i) losses[i] = work(lanes_[i], parts[i]);
  });
  double sum = 0;
  for (const auto loss : losses) sum += loss;
  return sum;
}

LaterNumber Network::pass(std::span<const MicroBatch> parts, double weight, const Cancel& cancel) {
  const auto loss = run(parts, [&](Lane& lane, const MicroBatch& part) { return lane.pass(part, weight, cancel); });
  for (size_t i = 1; i < parts.size(); ++i) learners_.gradient().add_(lanes_[i].gradient());
  return loss;
}

LaterNumber Network::loss(std::span<const MicroBatch> parts, double weight, const Cancel& cancel) {
  return run(parts, [&](Lane& lane, const MicroBatch& part) { return lane.loss(part, weight, cancel); });
}

double Network::flops(std::span<const MicroBatch> parts) const {
  double sum = 0;
  for (const auto& part : parts) sum += flops_of(flop_model_, work_of(part, config_));
  return sum;
}

}  // namespace llava::core
