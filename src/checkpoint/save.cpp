// From a plan to a folder.
#include "checkpoint/save.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "base/atomic_folder.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "checkpoint/adapter.hpp"
#include "checkpoint/added_tokens.hpp"
#include "checkpoint/companion_files.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/config_output.hpp"
#include "checkpoint/fingerprint.hpp"
#include "weights/safetensors_writer.hpp"
#include "weights/torch_writer.hpp"

namespace llava::core {
namespace {

constexpr const char* kImage = "<image>";
constexpr int64_t kVocabularyMultiple = 64;  // published conversions round the vocabulary up to this

std::string torch_name(const std::string& dtype) {
  return dtype == "f16" ? "float16" : dtype == "bf16" ? "bfloat16" : "float32";
}

std::string layout_of(const Checkpoint& checkpoint, const SaveOptions& options) {
  const auto& asked = options.layout;
  if (asked == "hf" || asked == "original") return asked;
  if (!asked.empty())
    throw Error(Status::argument, cat("the layout to write is \"", asked, "\", expected hf or original"));
  return checkpoint.layout == "original" ? "original" : "hf";
}

// What the original writes about the training that a model comes from: what learnt, how fast, and from which file. Of another
// training they would be untrue, and its code refuses to build prompts with start and end tokens where tune_mm_mlp_adapter is
// set (llava_arch.py). unfreeze_mm_vision_tower is none of them: it says where the tower's weights lie (clip_encoder.py).
constexpr std::string_view kOfTraining[] = {
    "freeze_mm_mlp_adapter",   "freeze_mm_vision_resampler", "mm_projector_lr",         "mm_vision_tower_lr",
    "pretrain_mm_mlp_adapter", "tune_mm_mlp_adapter",        "tune_mm_vision_resampler"};

Json without_training(const Json& config) {
  Json kept = Json::object();
  for (const auto& [key, value] : config.items())
    if (std::find(std::begin(kOfTraining), std::end(kOfTraining), key) == std::end(kOfTraining)) kept.add(key, value);
  return kept;
}

// Changes what is written instead of a file's tensor; nullptr: as the files have it.
using Change = std::function<void(const std::string& canonical, const TensorView& view, OutputTensor& output)>;

// An adapter in the weights.
struct Merging {
  const AdapterFiles& files;
  double scale;

  void operator()(const std::string& canonical, const TensorView& view, OutputTensor& output) const {
    if (const auto whole = files.replaced.find(canonical); whole != files.replaced.end()) {
      output.make = [view = &whole->second, type = scalar_type(output.dtype)] { return tensor_of(*view).to(type); };
      return;
    }
    constexpr std::string_view kWeight = ".weight";
    if (!canonical.ends_with(kWeight)) return;
    const auto layer = files.added.find(std::string_view(canonical).substr(0, canonical.size() - kWeight.size()));
    if (layer == files.added.end()) return;
    const double factor = scale * layer->second.strength;
    output.make = [views = &layer->second, factor, &view, type = scalar_type(output.dtype)] {
      const auto up = tensor_of(views->up).to(at::kFloat), down = tensor_of(views->down).to(at::kFloat);
      return at::matmul(up, down).mul_(factor).add_(tensor_of(view).to(at::kFloat)).to(type);
    };
  }
};

class Saver {
 public:
  Saver(const LoadPlan& plan, const std::string& folder, const SaveOptions& options, const Change& change)
      : plan_(plan), checkpoint_(plan.checkpoint), folder_(folder), options_(options), change_(change) {
    dtype_ = torch_name(options.dtype ? dtype_name(dtype_of(*options.dtype)) : plan.checkpoint.stored_dtype);
  }

  void write(const std::string& layout) {
    const bool original = layout == "original";
    if (!original) place_image_token();
    if (checkpoint_.tiling && checkpoint_.layout == "original" && !original)
      log_warning(cat(checkpoint_.path,
                      ": transformers unpads tiles with another rounding than the original; some "
                      "pictures get a line or a column of patches more"));
    write_json(folder_, "config.json",
               original ? original_config(checkpoint_, dtype_) : hf_config(checkpoint_, dtype_));
    copy_companions(checkpoint_.path, folder_);
    if (original)
      write_tower();
    else
      write_processor();
    write_weights(folder_, outputs(layout, /*with_tower=*/!original), options_);
    if (!checkpoint_.unused.empty())
      log_warning(cat(checkpoint_.path, ": ", checkpoint_.unused.size(), " tensors are not written, the first is ",
                      checkpoint_.unused.front()));
  }

 private:
  static void write_json(const std::string& folder, const char* name, const Json& json) {
    write_file_atomically(folder + "/" + name, json.dump(2) + "\n");
  }

  // transformers puts features where the ids hold a certain token, so there must be one, with a row in the table.
  void place_image_token() {
    auto& config = checkpoint_.config;
    if (config.image_token >= 0) return;
    for (const auto& token : read_tokenizer_settings(checkpoint_.path).added)
      if (token.text == kImage) config.image_token = token.id;
    if (config.image_token >= 0) return;
    config.image_token = checkpoint_.tokenizer->size();
    new_token_ = true;
    if (config.image_token < config.language.vocabulary) return;
    const auto rows = config.image_token + 1;
    new_rows_ =
        (rows + kVocabularyMultiple - 1) / kVocabularyMultiple * kVocabularyMultiple - config.language.vocabulary;
    config.language.vocabulary += new_rows_;
  }

  void write_processor() const {
    write_json(folder_, "preprocessor_config.json", preprocessor_config(checkpoint_, /*original=*/false));
    write_json(
        folder_, "processor_config.json",
        Json::object({{"processor_class", checkpoint_.tiling ? "LlavaNextProcessor" : "LlavaProcessor"},
                      {"image_token", kImage},
                      {"patch_size", checkpoint_.config.vision.patch_size},
                      {"num_additional_image_tokens", 1},
                      {"vision_feature_select_strategy", checkpoint_.config.keep_class_token ? "full" : "default"}}));
    if (new_token_) declare_token(folder_, static_cast<int32_t>(checkpoint_.config.image_token), kImage);
  }

  void write_tower() const {
    const auto tower = folder_ + "/vision_tower";
    std::filesystem::create_directory(tower);
    auto config = tower_config(checkpoint_.config.vision, dtype_);
    config.set("architectures", std::vector<std::string>{"CLIPVisionModel"});
    write_json(tower, "config.json", config);
    write_json(tower, "preprocessor_config.json", preprocessor_config(checkpoint_, /*original=*/true));
    write_weights(tower, outputs("tower", /*with_tower=*/true), options_);
  }

  std::vector<OutputTensor> outputs(const std::string& layout, bool with_tower) const {
    std::vector<OutputTensor> list;
    for (const auto& [canonical, view] : plan_.tensors.found) {
      const bool of_tower = canonical.starts_with("vision.");
      if (is_derived_tensor(canonical) || (of_tower && !with_tower) || (layout == "tower" && !of_tower)) continue;
      auto name = published_name(canonical, layout, checkpoint_.config.projector.depth);
      if (name.empty()) continue;
      auto output = output_of(std::move(name), view, options_.dtype);
      if (change_) change_(canonical, view, output);
      const bool by_token = canonical == "language.embed_tokens.weight" || canonical == "lm_head.weight";
      list.push_back(by_token && new_rows_ > 0 ? grown(std::move(output)) : std::move(output));
    }
    return list;
  }

  // A row whose logit is the mean of the others' can never be the largest.
  OutputTensor grown(OutputTensor output) const {
    output.shape[0] += new_rows_;
    output.make = [make = std::move(output.make), rows = new_rows_] {
      const auto table = make();
      const auto mean = table.to(at::kFloat).mean(0, /*keepdim=*/true).to(table.scalar_type());
      return at::cat({table, mean.expand({rows, table.size(1)})}, 0);
    };
    return output;
  }

  const LoadPlan& plan_;
  Checkpoint checkpoint_;  // as it is written
  const std::string& folder_;
  const SaveOptions& options_;
  const Change& change_;
  std::string dtype_;
  bool new_token_ = false;
  int64_t new_rows_ = 0;
};

void save_plan(const LoadPlan& plan, const std::string& target, const SaveOptions& options,
               const Change& change = nullptr) {
  const c10::InferenceMode no_gradients;
  require_loadable(plan);
  const auto layout = layout_of(plan.checkpoint, options);
  check_unchanged(plan.tensors.files);
  AtomicFolder folder(target, options.overwrite);
  Saver(plan, folder.path(), options, change).write(layout);
  check_unchanged(plan.tensors.files);  // else the copy may be of two versions
  folder.commit();
}

}  // namespace

void convert_checkpoint(const std::string& path, const std::string& target, const LoadOptions& load,
                        const SaveOptions& options) {
  save_plan(plan_load(path, load), target, options);
}

namespace {

LoadPlan plan_again(const Bundle& bundle, const SaveOptions& options) {
  LoadOptions load;
  load.vision_tower = bundle.vision_tower;
  load.projector = bundle.projector;
  load.allow_pickle = bundle.allow_pickle;
  load.cancel = options.cancel;
  const auto plan = plan_load(bundle.path, load);
  require_loadable(plan);
  if (model_fingerprint(plan.config_text, plan.tensors) != bundle.fingerprint)
    throw Error(Status::io, cat(bundle.path, ": the files have changed since the model was loaded"));
  return plan;
}

}  // namespace

void save_bundle(const Bundle& bundle, const std::string& target, const SaveOptions& options) {
  if (bundle.adapter)
    log_warning(cat("the adapter ", bundle.adapter->name, " is attached and is not written; merge it to write both"));
  save_plan(plan_again(bundle, options), target, options);
}

void merge_adapter(const Bundle& base, const Adapter& adapter, double scale, const std::string& target,
                   const SaveOptions& options) {
  const c10::InferenceMode no_gradients;
  check_scale(scale);
  if (adapter.model != base.fingerprint)
    throw Error(Status::argument, cat("the adapter ", adapter.name, " was loaded for the model ", adapter.model,
                                      ", this one is ", base.fingerprint));
  auto plan = plan_again(base, options);
  if (adapter.files.aspect_ratio && !base.tiling)
    set_aspect_ratio(plan.checkpoint, *adapter.files.aspect_ratio, adapter.files.folder);
  plan.tensors.files.insert(plan.tensors.files.end(), adapter.files.files.begin(), adapter.files.files.end());
  save_plan(plan, target, options, Merging{adapter.files, scale});
}

void write_trained(const LoadPlan& plan, const TrainedValues& values, const std::string& folder,
                   const SaveOptions& options) {
  const c10::InferenceMode no_gradients;
  require_loadable(plan);
  const auto table = plan.tensors.found.find("language.embed_tokens.weight");
  const auto replace = [&](const std::string& canonical, const TensorView& view, OutputTensor& output) {
    if (view.file == kNewProjectorFile && table != plan.tensors.found.end()) output.dtype = table->second.dtype;
    const auto trained = values.find(canonical);
    if (trained == values.end()) return;
    output.make = [&value = trained->second, shape = output.shape, type = scalar_type(output.dtype)] {
      return value(type).to(at::kCPU).reshape(shape).to(type);
    };
  };
  check_unchanged(plan.tensors.files);
  Saver(plan, folder, options, replace).write(layout_of(plan.checkpoint, options));
  check_unchanged(plan.tensors.files);
}

void write_original_config(const LoadPlan& plan, const std::string& folder) {
  const auto& checkpoint = plan.checkpoint;
  const auto target = folder + "/config.json";
  const auto& sources = checkpoint.sources;
  const auto from = [&](const char* role) {
    const auto found =
        std::find_if(sources.begin(), sources.end(), [&](const auto& source) { return source.role == role; });
    return found == sources.end() ? "" : found->path;
  };
  if (checkpoint.layout == "original" && from("projector").empty()) {
    const auto own = parse_json(plan.config_text, "config.json");
    auto kept = without_training(own);
    const auto said = read_string(own, "image_aspect_ratio", "config.json", "");
    const bool same_shape = said == checkpoint.aspect_ratio || checkpoint.aspect_ratio.empty();
    if (same_shape && kept.size() == own.size()) return write_file_atomically(target, plan.config_text);
    if (!same_shape) kept.set("image_aspect_ratio", checkpoint.aspect_ratio);
    return write_file_atomically(target, kept.dump(2) + "\n");
  }
  auto json = original_config(checkpoint, torch_name(checkpoint.stored_dtype));
  if (const auto tower = from("vision tower"); !tower.empty()) json.set("mm_vision_tower", tower);
  write_file_atomically(target, json.dump(2) + "\n");
}

void write_projector(const LoadPlan& plan, const TrainedValues& values, const std::string& path) {
  const c10::InferenceMode no_gradients;
  std::vector<TensorOutline> outlines;
  std::vector<at::Tensor> tensors;
  for (const auto& [name, view] : plan.tensors.found) {
    if (!name.starts_with("projector.")) continue;
    const auto trained = values.find(name);
    const auto tensor =
        trained == values.end() ? tensor_of(view) : trained->second(at::kFloat).to(at::kCPU).reshape(view.shape);
    tensors.push_back(tensor.contiguous());
    outlines.push_back({published_name(name, "original", plan.checkpoint.config.projector.depth),
                        dtype_of(tensors.back().scalar_type()), view.shape});
  }
  if (path.ends_with(".bin")) {
    std::vector<TensorView> views;
    for (size_t i = 0; i < tensors.size(); ++i)
      views.push_back({outlines[i].name, outlines[i].dtype, outlines[i].shape,
                       static_cast<const std::byte*>(tensors[i].const_data_ptr()), tensors[i].nbytes(), "", nullptr});
    return write_torch_file(path, views);
  }
  SafetensorsWriter writer(path, outlines, {{"format", "pt"}});
  for (const auto index : writer.order())
    writer.write(tensors[index].const_data_ptr(), static_cast<size_t>(tensors[index].nbytes()));
  writer.commit();
}

}  // namespace llava::core
