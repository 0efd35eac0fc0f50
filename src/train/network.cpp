// Lanes side by side.
#include "train/network.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numeric>

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

// With the flat buffers, which everything else is made from. What parameters are taken here stay on the CPU: the learners
// see to where they lie.
std::deque<Lane> first_lane(Parameters& parameters, Learners& learners, const ModelConfig& config,
                            const NetworkOptions& options, const VisionTower* tower) {
  parameters.place_on({});
  std::deque<Lane> lanes;
  lanes.emplace_back(learners, config, options.lora, tower);
  learners.finish(options.ranks);
  return lanes;
}

// That of a single part, which a card may still be at work on, is not read.
LaterNumber total(const std::vector<LaterNumber>& losses) {
  if (losses.size() == 1) return losses.front();
  return std::accumulate(losses.begin(), losses.end(), 0.0);
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
      frozen_tower_(tower_learns(plan, learns) ? std::nullopt : std::make_optional<VisionTower>(parameters_, config_)),
      lanes_(first_lane(parameters_, learners_, config_, options, frozen_tower_ ? &*frozen_tower_ : nullptr)),
      shards_(options.ranks, learners_),
      rooms_(learners_.longest_unit(), learners_.place().floats()),
      room_(learners_.units().size()) {
  if (options.nf4_base) lanes_.front().pack_frozen(cancel);
  for (auto more = lane_count(options, config_.language, learners_.learning()); more > 1; --more) {
    beside_.push_back(learners_.beside());
    lanes_.emplace_back(*beside_.back(), config_, options.lora, frozen_tower_ ? &*frozen_tower_ : nullptr);
    shards_.share_with(*beside_.back());
  }
  for (auto& lane : lanes_) lane.finish();
  if (options.ranks.gradients_in_shards()) rooms_.reserve(lanes_.size());
  flop_model_ = flop_model(
      config_, [&](std::string_view name) { return learners_.masked(name); }, options.lora);
}

// `work` for each part, in its own lane; a single part has all threads.
template <typename Work>
void Network::each(size_t parts, Work&& work) {
  if (parts > lanes_.size()) throw Error(Status::internal, "more parts of a micro-batch than lanes");
  if (parts == 0) return;
  if (parts == 1 && (lanes_.size() == 1 || options_.lanes == 0)) return work(size_t{0});
  // At least two pieces, one of which may be empty: a part that is alone is computed on one thread like all others, too
  const auto pieces = std::max<size_t>(2, parts);
  cpu::parallel_for(static_cast<int64_t>(pieces), 1, [&](int64_t first, int64_t last) {
    const c10::InferenceMode no_gradients;  // of this thread
    const cpu::SerialProducts serial;
    const auto end = std::min(static_cast<size_t>(last), parts);
    for (auto i = static_cast<size_t>(first); i < end; ++i) work(i);
  });
}

// The parts where they are computed with; `copies` holds those that had to be moved.
std::span<const MicroBatch> Network::placed(std::span<const MicroBatch> parts, std::vector<MicroBatch>& copies) const {
  if (options_.place.device.is_cpu()) return parts;
  for (const auto& part : parts) copies.push_back(part.on(options_.place.device));
  return copies;
}

// The sum of what `work` gives for each part.
template <typename Work>
LaterNumber Network::run(std::span<const MicroBatch> parts, Work&& work) {
  std::vector<MicroBatch> copies;
  const auto batches = placed(parts, copies);
  std::vector<LaterNumber> losses(parts.size());
  each(parts.size(), [&](size_t i) { losses[i] = work(lanes_[i], batches[i]); });
  return total(losses);
}

LaterNumber Network::pass(std::span<const MicroBatch> parts, double weight, const Cancel& cancel) {
  if (options_.ranks.gradients_in_shards()) throw Error(Status::internal, "there is no room for a whole gradient");
  const auto loss = run(parts, [&](Lane& lane, const MicroBatch& part) { return lane.pass(part, weight, cancel); });
  for (size_t i = 1; i < parts.size(); ++i) learners_.gradient().add_(lanes_[i].gradient());
  return loss;
}

// For the first stage that writes to the unit's gradient.
void Network::make_room(size_t unit, size_t parts) {
  const auto length = learners_.units()[unit].length;
  auto& rooms = room_[unit];
  if (length == 0 || !rooms.empty()) return;
  for (size_t i = 0; i < std::max<size_t>(1, parts); ++i) {
    rooms.push_back(rooms_.take());
    const auto room = rooms.back().narrow(0, 0, length);
    lanes_[i].learners().bind_gradient(unit, room.zero_());
  }
}

void Network::hand_over(size_t unit, const GradientSink& sink) {
  const auto length = learners_.units()[unit].length;
  auto& rooms = room_[unit];
  if (length == 0) return;
  auto sum = rooms.front().narrow(0, 0, length);
  for (size_t i = 1; i < rooms.size(); ++i) sum.add_(rooms[i].narrow(0, 0, length));
  sink(unit, sum);
  for (size_t i = 0; i < rooms.size(); ++i) {
    lanes_[i].learners().bind_gradient(unit, {});
    rooms_.give_back(std::move(rooms[i]));
  }
  rooms.clear();
}

// All lanes go through a stage before any begins the next.
LaterNumber Network::run_stages(const std::vector<Stage>& stages, std::span<const MicroBatch> parts, double weight,
                                const GradientSink* sink, const Cancel& cancel) {
  for (auto& rooms : room_) rooms.clear();  // of a pass that failed
  std::vector<MicroBatch> copies;
  const auto batches = placed(parts, copies);
  for (size_t i = 0; i < parts.size(); ++i) lanes_.at(i).begin(batches[i], weight, sink != nullptr);
  for (const auto& stage : stages) {
    shards_.hold(stage.reads);
    for (const auto unit : stage.writes) make_room(unit, parts.size());
    each(parts.size(), [&](size_t i) { lanes_[i].run(stage, cancel); });
    for (const auto unit : stage.completes) hand_over(unit, *sink);
  }
  shards_.hold({});
  std::vector<LaterNumber> losses;
  for (size_t i = 0; i < parts.size(); ++i) losses.push_back(lanes_[i].end());
  return total(losses);
}

LaterNumber Network::pass_by_units(std::span<const MicroBatch> parts, double weight, const GradientSink& sink,
                                   const Cancel& cancel) {
  return run_stages(lanes_.front().stages(/*learning=*/true), parts, weight, &sink, cancel);
}

LaterNumber Network::loss(std::span<const MicroBatch> parts, double weight, const Cancel& cancel) {
  if (shards_.in_shards()) return run_stages(lanes_.front().stages(/*learning=*/false), parts, weight, nullptr, cancel);
  return run(parts, [&](Lane& lane, const MicroBatch& part) { return lane.loss(part, weight, cancel); });
}

at::Tensor Network::value(const Learner& learner) const {
  const c10::InferenceMode no_gradients;
  return shards_.value(learner);
}

at::Tensor Network::stored(const Learner& learner) const {
  const c10::InferenceMode no_gradients;
  return shards_.stored(learner);
}

double Network::flops(std::span<const MicroBatch> parts) const {
  double sum = 0;
  for (const auto& part : parts) sum += flops_of(flop_model_, work_of(part, config_));
  return sum;
}

}  // namespace llava::core
