#include "train_settings.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "ops/device.hpp"

namespace llava::capi {

using core::Error;
using core::Status;

namespace {

template <typename Value, typename Given>
void take(Value& value, Given given) {
  if (given != static_cast<Given>(LLAVA_PRESET)) value = static_cast<Value>(given);
}

void take(std::string& value, const char* given) {
  if (given) value = given;
}

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

core::RecomputeLimits recompute_limits(int32_t recompute) {
  if (recompute == LLAVA_RECOMPUTE_NONE) return {INT64_MAX, INT64_MAX};
  if (recompute == LLAVA_RECOMPUTE_FULL) return {0, 0};
  return {};
}

void take_recipe(core::RunSettings& settings, const llava_train_options& options) {
  take(settings.learns, options.learns);
  take(settings.template_name, options.template_name);
  take(settings.lr, options.lr);
  take(settings.projector_lr, options.projector_lr);
  take(settings.vision_lr, options.vision_lr);
  take(settings.weight_decay, options.weight_decay);
  take(settings.lora.rank, options.lora_r);
  if (options.base_bits != LLAVA_PRESET) settings.nf4_base = options.base_bits == 4;
  take(settings.lora.alpha, options.lora_alpha);
  take(settings.lora.dropout, options.lora_dropout);
  if (options.lora_targets) settings.lora.targets = parts_of(options.lora_targets);
  take(settings.device, options.device);
  const auto device = core::device_name(settings.device);
  const bool on_card = device.cuda;
  if (options.nproc > 1 && device.index >= 0)
    throw Error(Status::argument, core::cat("options.device is \"", settings.device, "\" and options.nproc ",
                                            options.nproc, ", expected \"cuda\": a card for each process"));
  settings.precision = options.dtype == LLAVA_DTYPE_BF16 || (options.dtype == LLAVA_DTYPE_AUTO && on_card)
                           ? core::Precision::bf16_store
                           : core::Precision::f32;
  settings.recompute = recompute_limits(options.recompute);
  take(settings.beta1, options.beta1);
  take(settings.beta2, options.beta2);
  take(settings.epsilon, options.epsilon);
  take(settings.warmup_ratio, options.warmup_ratio);
  take(settings.clip, options.clip);
  take(settings.batch, options.batch);
  take(settings.micro_batch, options.micro_batch);
  take(settings.epochs, options.epochs);
  take(settings.max_length, options.max_length);
  take(settings.warmup_steps, options.warmup_steps);
  take(settings.schedule, options.schedule);
  take(settings.decay_ratio, options.decay_ratio);
  take(settings.sum_order, options.sum_order);
  take(settings.loss_mean, options.loss_mean);
  take(settings.order, options.order);
  take(settings.image_place, options.image_place);
  take(settings.image_aspect_ratio, options.image_aspect_ratio);
  if (options.batch != LLAVA_PRESET && options.micro_batch == LLAVA_PRESET)  // the preset's need not divide it
    while (settings.batch % settings.micro_batch != 0) --settings.micro_batch;
}

}  // namespace

core::RunSettings run_settings(const llava_train_options& options, const std::string& model, bool writes) {
  if (!options.data) throw Error(Status::argument, "options.data is NULL, expected a file of records");
  if (writes && !options.out_dir)
    throw Error(Status::argument, "options.out_dir is NULL, expected the folder of the run");
  auto settings = core::preset_settings(options.preset ? options.preset : "llava-1.5", options.stage);
  take_recipe(settings, options);
  if (options.lora_r > 0 && !options.learns)  // what LoRA stands beside is frozen
    settings.learns = core::preset_settings("llava-1.5-lora", 2).learns;
  settings.model = model;
  take(settings.load.vision_tower, options.vision_tower);
  take(settings.load.projector, options.projector);
  take(settings.load.new_projector.type, options.new_projector);
  settings.load.new_projector.seed = static_cast<uint64_t>(options.seed);
  settings.data = options.data;
  take(settings.images, options.image_root);
  take(settings.out, options.out_dir);
  take(settings.resume, options.resume);
  take(settings.eval_data, options.eval_data);
  settings.steps = options.steps;
  settings.seed = static_cast<uint64_t>(options.seed);
  settings.save_every = options.save_every;
  settings.keep = options.keep;
  settings.eval_every = options.eval_every;
  settings.skip_bad = options.skip_bad;
  settings.labels = static_cast<core::LabelRule>(options.labels);
  settings.allow_outside = options.allow_outside == 1;
  settings.loader_threads = options.loader_threads;
  settings.projector_file = options.projector_file == 1;
  settings.answer_every = options.answer_every;
  take(settings.answer_data, options.answer_data);
  settings.torch_files = options.torch_files == 1;
  settings.save_async = options.save_async == 1;
  settings.skip_diverged = options.skip_diverged;
  settings.tensorboard = options.tensorboard == 1;
  settings.ranks = options.nproc == 0;
  settings.planned_ranks = std::max(1, options.nproc);
  settings.zero = options.zero;
  settings.deterministic = options.deterministic != LLAVA_DETERMINISTIC_OFF;
  settings.exact = options.deterministic == LLAVA_DETERMINISTIC_ON;
  return settings;
}

}  // namespace llava::capi
