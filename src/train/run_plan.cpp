// The plan of a run: counts from names and shapes, lengths from the records.
#include "train/run_plan.hpp"

#include <map>
#include <set>

#include "base/error.hpp"
#include "checkpoint/fingerprint.hpp"
#include "comm/rendezvous.hpp"
#include "data/check.hpp"
#include "ops/device.hpp"
#include "train/learners.hpp"
#include "train/memory_advice.hpp"
#include "train/memory_plan.hpp"
#include "train/sample_rules.hpp"
#include "train/stages.hpp"

namespace llava::core {
namespace {

constexpr int64_t kStateBytes = 3 * 4;  // of a learning parameter in a snapshot: value and both moments, f32

// "q_proj" and 3 of "language.layers.3.self_attn.q_proj.weight"; -1 for others.
std::pair<std::string, int64_t> place_of(const std::string& name) {
  const std::string_view begin = "language.layers.", end = ".weight";
  if (!name.starts_with(begin) || !name.ends_with(end)) return {"", -1};
  const auto stem = name.substr(0, name.size() - end.size());
  return {stem.substr(stem.rfind('.') + 1), std::stoll(stem.substr(begin.size()))};
}

// As train/lane and what it is made of open them: "language.layers.3." of a name, or what stands for all others of a part.
std::string unit_of(const std::string& name) {
  const auto layers = name.find(".layers.");
  if (layers != std::string::npos) return name.substr(0, name.find('.', layers + 8) + 1);
  return name == "language.norm.weight" ? "lm_head" : name.substr(0, name.find('.'));
}

LearningCount count_learning(const LoadPlan& plan, const std::string& learns, const LoraRecipe& lora) {
  const auto mask = mask_of(learns);
  std::set<const TensorView*> taken;
  for (const auto& tensor : plan.taken) taken.insert(tensor.view);
  LearningCount learning;
  std::map<std::string, int64_t> units;
  for (const auto& [name, view] : plan.tensors.found) {
    if (!taken.contains(&view) || is_unused_tensor(name, plan.checkpoint.config.needed_vision_blocks())) continue;
    if (const auto [target, layer] = place_of(name); lora.rank > 0 && layer >= 0 && lora.chooses(target, layer)) {
      const auto added = lora.rank * (view.shape[0] + view.shape[1]);
      learning.added += added;
      units[unit_of(name)] += added;
      learning.tensors += 2;
    }
    if (!mask(name)) continue;
    const auto count = static_cast<int64_t>(view.size_bytes / dtype_bytes(view.dtype));
    learning.parameters += count;
    units[unit_of(name)] += count;
    learning.stored_bytes += static_cast<int64_t>(view.size_bytes);
    ++learning.tensors;
  }
  learning.parameters += learning.added;
  for (const auto& [name, count] : units) learning.longest_unit = std::max(learning.longest_unit, count);
  learning.table_is_head = plan.checkpoint.config.language.tied_head && mask("language.embed_tokens.weight");
  return learning;
}

// Over the epochs of the run, as the feed deals them. Records that cannot be used are left out.
LargestLeaf largest_leaf(const RunSettings& settings, const DataReport& report, int64_t epochs) {
  OrderSettings order{settings.order, settings.seed, report.records, settings.batch, settings.micro_batch, {}};
  if (settings.order == OrderKind::grouped || settings.order == OrderKind::upstream)
    for (const auto length : report.lengths) order.lengths.push_back(length == 0 ? -1 : length);
  LargestLeaf largest;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    const auto indices = epoch_order(order, epoch);
    for (size_t begin = 0; begin < indices.size();) {
      const auto in_step = begin % static_cast<size_t>(settings.batch);  // the last step of an epoch is short
      const auto end = std::min({begin + static_cast<size_t>(settings.micro_batch), indices.size(),
                                 begin - in_step + static_cast<size_t>(settings.batch)});
      LargestLeaf leaf;
      for (; begin < end; ++begin) {
        const auto record = static_cast<size_t>(indices[begin]);
        const int64_t length = report.lengths[record];
        leaf.rows += std::abs(length);
        leaf.longest = std::max(leaf.longest, std::abs(length));
        leaf.labels += report.learned[record];
        leaf.pictures += length > 0;
      }
      if (leaf.rows > largest.rows) largest = leaf;
    }
  }
  return largest;
}

Json warnings_of(const Schedule& schedule) {
  auto warnings = Json::array();
  if (auto text = warm_up_warning(schedule); !text.empty()) warnings.push_back(std::move(text));
  return warnings;
}

// Whether the processes that are started here fit into what is free now; the mapped weights are theirs in common.
void add_fit(Json& json, const RunSettings& settings, const std::function<int64_t(const RunSettings&)>& total_of,
             const LoadPlan& plan) {
  const auto& memory = json.at("memory");
  const auto total = memory.at("total").integer(), weights = memory.at("weights").integer();
  const auto free = devices().front().free_bytes;
  const auto each = weights + (free - weights) / settings.planned_ranks;
  json.add("memory_available", each);
  json.add("fits", total <= each);
  json.add("advice", total <= each ? Json::array() : memory_advice(plan, settings, total, each, total_of));
}

}  // namespace

Json plan_run(const RunSettings& given, const CountProgress& progress, const Cancel& cancel) {
  auto settings = given;
  check_settings(settings);
  settings.load.cancel = cancel;
  auto plan = plan_load(settings.model, settings.load);
  require_loadable(plan);
  fit_to_model(settings, plan.checkpoint);
  const auto data = open_data(settings.data, settings, plan.checkpoint, progress, cancel);
  const auto records = data.index->size();
  const auto per_epoch = (records + settings.batch - 1) / settings.batch;
  const auto steps = settings.steps > 0 ? settings.steps : per_epoch * settings.epochs;
  const auto tell = [&](int64_t done, int64_t total) {
    if (progress) progress("check", done, total);
  };
  const auto report =
      check_data(*data.index, *data.maker,
                 {data.pictures, PictureCheck::header, static_cast<int32_t>(settings.loader_threads), cancel, tell});
  if (!learns_words(settings, plan)) require_pictures(settings.data, report.usable, report.text_only, settings.learns);
  auto json = report_json(report, *data.index, *data.maker);
  const auto learning = count_learning(plan, settings.learns, settings.lora);
  const auto epochs = std::min(settings.epochs, (steps + per_epoch - 1) / per_epoch);
  json.add("settings", numeric_settings(settings, steps, to_hex(data.index->hash()),
                                        model_fingerprint(plan.config_text, plan.tensors)));
  json.add("preset", settings.preset);
  json.add("steps", steps);
  json.add("steps_per_epoch", per_epoch);
  json.add("warmup_steps", step_recipe(settings, steps).schedule.warmup_steps);
  json.add("warnings", warnings_of(step_recipe(settings, steps).schedule));
  json.add("parameters", plan.checkpoint.parameters);
  json.add("learning", learning.parameters);
  json.add("added", learning.added);
  json.add("learning_tensors", learning.tensors);
  json.add("snapshot_bytes", learning.parameters * kStateBytes);
  json.add("estimate_after_steps", kEstimateSteps);
  const auto leaf = largest_leaf(settings, report, epochs);
  json.add("largest_micro_batch",
           Json::object({{"tokens", leaf.rows}, {"labels", leaf.labels}, {"pictures", leaf.pictures}}));
  const auto ranks = settings.ranks ? place_from().size : settings.planned_ranks;
  json.add("ranks", ranks);
  json.add("memory", memory_plan(plan, settings, learning, leaf, ranks));
  if (auto card = card_memory_plan(plan, settings, learning, leaf, ranks)) json.add("device_memory", std::move(*card));
  add_fit(
      json, settings,
      [&](const RunSettings& other) {
        const auto learns = count_learning(plan, other.learns, other.lora);
        return memory_plan(plan, other, learns, largest_leaf(other, report, epochs), ranks).at("total").integer();
      },
      plan);
  return json;
}

}  // namespace llava::core
