// From a recipe to what each part of a run is told.
#include "train/settings.hpp"

#include <cmath>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "ops/device.hpp"
#include "train/stages.hpp"

namespace llava::core {
namespace {

constexpr const char* kOrders[] = {"sequential", "shuffled", "grouped", "upstream"};
constexpr const char* kPlaces[] = {"first", "as-written", "random"};
constexpr const char* kShapes[] = {"cosine", "linear", "constant", "wsd"};
constexpr int64_t kMostSamples = int64_t{1} << 24;  // of a step
constexpr double kUnset = -1;

template <typename Choice>
Choice named(std::string_view name, const char* const (&names)[3]) {
  for (size_t i = 0; i < 3; ++i)
    if (name == names[i]) return static_cast<Choice>(i);
  throw Error(Status::internal, cat("a preset with \"", name, "\""));
}

void expect(bool fine, const char* field, const std::string& found, const char* expected) {
  if (!fine) throw Error(Status::argument, cat(field, " is ", found, ", expected ", expected));
}

void check_numbers(const RunSettings& settings) {
  const auto number = [](double value) { return cat(value); };
  const auto rate = [&](double value, const char* name) {
    expect(std::isfinite(value) && value >= 0 && value <= 100, name, number(value), "0 to 100");
  };
  rate(settings.lr, "lr");
  rate(settings.projector_lr, "projector_lr");
  rate(settings.vision_lr, "vision_lr");
  rate(settings.weight_decay, "weight_decay");
  rate(settings.clip, "clip");
  for (const auto beta : {settings.beta1, settings.beta2})
    expect(beta >= 0 && beta < 1, "a beta of AdamW", number(beta), "0 or more and less than 1");
  expect(settings.epsilon > 0 && settings.epsilon < 1, "epsilon", number(settings.epsilon), "more than 0, less than 1");
  expect(settings.warmup_ratio >= 0 && settings.warmup_ratio < 1, "warmup_ratio", number(settings.warmup_ratio),
         "0 or more and less than 1");
  if (settings.decay_ratio == kUnset) return;
  expect(settings.decay_ratio >= 0 && settings.decay_ratio <= 1, "decay_ratio", number(settings.decay_ratio), "0 to 1");
  expect(settings.schedule == Schedule::Shape::wsd, "schedule", kShapes[static_cast<size_t>(settings.schedule)],
         "wsd where decay_ratio is set");
}

void check_counts(const RunSettings& settings) {
  const auto count = [](int64_t value, int64_t low, int64_t high, const char* name) {
    expect(value >= low && value <= high, name, cat(value), cat(low, " to ", high).c_str());
  };
  count(settings.stage, 1, 2, "stage");
  count(settings.batch, 1, kMostSamples, "batch");
  count(settings.micro_batch, 1, kMostSamples, "micro_batch");
  if (settings.batch % settings.micro_batch != 0)
    throw Error(Status::argument,
                cat("micro_batch is ", settings.micro_batch, ", expected a divisor of the batch of ", settings.batch));
  count(settings.epochs, 1, 100000, "epochs");
  count(settings.steps, 0, int64_t{1} << 40, "steps");
  count(settings.warmup_steps, -1, int64_t{1} << 40, "warmup_steps");
  count(settings.max_length, 0, int64_t{1} << 24, "max_length");
  count(settings.skip_bad, -1, int64_t{1} << 40, "skip_bad");
  count(settings.skip_diverged, 0, int64_t{1} << 40, "skip_diverged");
  count(settings.save_every, 0, int64_t{1} << 40, "save_every");
  count(settings.eval_every, 0, int64_t{1} << 40, "eval_every");
  count(settings.answer_every, 0, int64_t{1} << 40, "answer_every");
  count(settings.keep, 1, 100000, "keep");
  count(settings.loader_threads, 1, 256, "loader_threads");
}

}  // namespace

RunSettings preset_settings(const std::string& preset, int64_t stage) {
  const auto& row = stage_preset(preset, stage);
  RunSettings settings;
  settings.preset = preset;
  settings.stage = stage;
  settings.learns = row.learns;
  settings.template_name = row.template_name;
  settings.lr = row.lr;
  settings.warmup_ratio = row.warmup_ratio;
  settings.clip = row.clip;
  settings.loss_mean = row.loss_mean;
  settings.batch = row.batch;
  settings.micro_batch = row.micro_batch;
  settings.epochs = row.epochs;
  settings.max_length = row.max_length;
  settings.order = order_named(row.order);
  settings.image_place = named<ImagePlace>(row.image_place, kPlaces);
  settings.projector_lr = row.projector_lr;
  settings.lora.rank = row.lora_rank;
  settings.nf4_base = row.name == "llava-1.5-qlora";
  if (row.lora_rank > 0) settings.lora.alpha = row.lora_alpha, settings.lora.dropout = row.lora_dropout;
  return settings;
}

void check_settings(const RunSettings& settings) {
  if (settings.nf4_base && settings.lora.rank == 0)
    throw Error(Status::argument, "base_bits is 4 and lora_r is 0, expected a LoRA beside a base of four bits");
  if (device_name(settings.device).cuda && settings.nf4_base)
    throw Error(Status::unsupported, cat("base_bits is 4 and device is \"", settings.device,
                                         "\": beside a base of four bits training is on the CPU alone"));
  check_numbers(settings);
  check_counts(settings);
  const auto& shape = settings.image_aspect_ratio;
  expect(shape.empty() || shape == "pad" || shape == "square", "image_aspect_ratio", cat('"', printable(shape), '"'),
         "\"pad\" or \"square\"");
  mask_of(settings.learns);
  if (settings.data.empty()) throw Error(Status::argument, "no data file is given");
  if (settings.answer_every > 0 && settings.answer_data.empty() && settings.eval_data.empty())
    throw Error(Status::argument, cat("answer_every is ", settings.answer_every,
                                      ", but there is neither answer_data nor eval_data to take questions from"));
  if (settings.eval_every > 0 && settings.eval_data.empty())
    throw Error(Status::argument, cat("eval_every is ", settings.eval_every, ", but there is no eval_data"));
}

bool learns_words(const RunSettings& settings, const LoadPlan& plan) {
  if (settings.lora.rank > 0) return true;
  const auto mask = mask_of(settings.learns);
  for (const auto& [name, view] : plan.tensors.found)
    if ((name.starts_with("language.") || name == "lm_head.weight") && mask(name)) return true;
  return false;
}

ComputePlace compute_place(const RunSettings& settings, const c10::Device& device) {
  const bool half = !device.is_cpu() && settings.precision == Precision::bf16_store;
  return {device, half ? at::kBFloat16 : at::kFloat, settings.exact};
}

StepRecipe step_recipe(const RunSettings& settings, int64_t steps) {
  StepRecipe recipe;
  recipe.adamw = {settings.lr, settings.beta1, settings.beta2, settings.epsilon, settings.weight_decay};
  recipe.projector_lr = settings.projector_lr;
  const auto warmup = settings.warmup_steps >= 0 ? settings.warmup_steps : warmup_steps(settings.warmup_ratio, steps);
  const auto decay_ratio = settings.decay_ratio == kUnset ? kDecayRatio : settings.decay_ratio;
  recipe.schedule = {settings.schedule, steps, warmup, decay_steps(decay_ratio, steps, warmup)};
  recipe.loss_mean = settings.loss_mean;
  recipe.sum_order = settings.sum_order;
  recipe.clip = settings.clip;
  recipe.vision_lr = settings.vision_lr;
  recipe.network.lora = settings.lora;
  recipe.network.precision = settings.precision;
  recipe.network.nf4_base = settings.nf4_base;
  recipe.network.lora.seed = settings.seed;
  recipe.recompute = settings.recompute;
  return recipe;
}

Json numeric_settings(const RunSettings& settings, int64_t steps, const std::string& data, const std::string& model) {
  const auto recipe = step_recipe(settings, steps);
  auto json = Json::object({{"model", model},
                            {"data", data},
                            {"stage", settings.stage},
                            {"learns", settings.learns},
                            {"template", settings.template_name},
                            {"lr", settings.lr},
                            {"projector_lr", settings.projector_lr},
                            {"weight_decay", settings.weight_decay},
                            {"beta1", settings.beta1},
                            {"beta2", settings.beta2},
                            {"epsilon", settings.epsilon},
                            {"schedule", kShapes[static_cast<size_t>(settings.schedule)]},
                            {"warmup_steps", recipe.schedule.warmup_steps},
                            {"steps", steps},
                            {"clip", settings.clip},
                            {"loss_mean", settings.loss_mean == LossMean::group ? "group" : "global"},
                            {"sum_order", settings.sum_order == SumOrder::tree ? "tree" : "chain"},
                            {"batch", settings.batch},
                            {"micro_batch", settings.micro_batch},
                            {"max_length", settings.max_length},
                            {"order", kOrders[static_cast<size_t>(settings.order)]},
                            {"seed", settings.seed},
                            {"labels", settings.labels == LabelRule::spans ? "spans" : "upstream"},
                            {"image_place", kPlaces[static_cast<size_t>(settings.image_place)]},
                            {"image_aspect_ratio", settings.image_aspect_ratio},
                            {"skip_bad", settings.skip_bad},
                            {"vision_lr", settings.vision_lr},
                            {"dtype", settings.precision == Precision::f32 ? "f32" : "bf16"}});
  const auto& lora = settings.lora;
  if (settings.schedule == Schedule::Shape::wsd) json.add("decay_steps", recipe.schedule.decay_steps);
  if (settings.skip_diverged > 0) json.add("skip_diverged", settings.skip_diverged);
  json.add("deterministic", settings.deterministic);
  if (device_name(settings.device).cuda) {
    json.add("device", "cuda");
    json.add("exact", settings.exact);
  }
  json.add("lora_r", lora.rank);
  if (lora.rank == 0) return json;
  json.add("lora_alpha", lora.alpha);
  json.add("base_bits", settings.nf4_base ? 4 : 16);
  json.add("lora_dropout", lora.dropout);
  json.add("lora_root_rank", lora.root_rank);
  json.add("lora_targets", lora.targets);
  return json;
}

}  // namespace llava::core
