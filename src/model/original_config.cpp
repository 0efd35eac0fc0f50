// The mm_ keys of the original repository. Source of names and defaults: LLaVA c121f04, llava/model/llava_arch.py,
// multimodal_encoder/clip_encoder.py, multimodal_projector/builder.py.
#include "model/original_config.hpp"

#include <charconv>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "model/config_json.hpp"
#include "model/config_keys.hpp"
#include "model/config_sections.hpp"

namespace llava::core {
namespace {

int64_t projector_depth(const Json& json, std::string_view where) {
  const auto type = read_string(json, "mm_projector_type", where, "linear");
  if (const auto layers = projector_layers_of(type)) return *layers;
  throw Error(Status::unsupported,
              cat(where, ": mm_projector_type is ", json_found(json.at("mm_projector_type")),
                  "; projectors read here: linear, mlp1x_gelu … mlp", kMostProjectorLayers, "x_gelu"));
}

bool keeps_class_token(const Json& json, std::string_view where) {
  const auto feature = read_string(json, "mm_vision_select_feature", where, "patch");
  if (feature != "patch" && feature != "cls_patch")
    throw Error(Status::unsupported,
                cat(where, ": mm_vision_select_feature is \"", feature, "\", expected patch or cls_patch"));
  return feature == "cls_patch";
}

// What becomes of tiles. Without tiles the original does not look at the key.
std::string merge_type(const Json& json, bool tiles, bool class_token, std::string_view where) {
  const auto type = read_string(json, "mm_patch_merge_type", where, "flat");
  if (!tiles) return type;
  if (type != "flat" && type != "spatial" && type != "spatial_unpad")
    throw Error(Status::unsupported, cat(where, ": mm_patch_merge_type is ", json_found(Json(type)),
                                         ", expected flat, spatial or spatial_unpad"));
  if (type != "flat" && class_token)
    throw Error(Status::unsupported, cat(where, ": mm_patch_merge_type is ", type,
                                         " and mm_vision_select_feature cls_patch; the class token has no place in a "
                                         "grid, expected patch"));
  return type;
}

}  // namespace

std::optional<int64_t> projector_layers_of(std::string_view type) {
  if (type == "linear") return 1;
  const std::string_view begin = "mlp", end = "x_gelu";
  if (type.size() <= begin.size() + end.size() || !type.starts_with(begin) || !type.ends_with(end)) return {};
  int64_t layers = 0;
  const auto* last = type.data() + type.size() - end.size();
  const auto read = std::from_chars(type.data() + begin.size(), last, layers);
  const bool number = read.ec == std::errc() && read.ptr == last;
  return number && layers >= 1 && layers <= kMostProjectorLayers ? std::optional(layers) : std::nullopt;
}

OriginalSettings parse_original_settings(const Json& json, std::string_view where) {
  if (!json.is_object()) throw Error(Status::format, cat(where, ": is no JSON object"));
  OriginalSettings settings;
  const char* tower_key = find_value(json, "mm_vision_tower", where) ? "mm_vision_tower" : "vision_tower";
  settings.vision_tower = read_string(json, tower_key, where, "");
  settings.tower_width = read_int(json, "mm_hidden_size", where, 1, limits::kWidth * 8, 0);
  settings.projector_depth = projector_depth(json, where);
  settings.feature_layers = {
      read_int(json, "mm_vision_select_layer", where, -limits::kLayers - 1, limits::kLayers, -2)};
  settings.keep_class_token = keeps_class_token(json, where);
  settings.aspect_ratio = read_string(json, "image_aspect_ratio", where, "");
  settings.projector_only = read_bool(json, "tune_mm_mlp_adapter", where, false);
  settings.merge_type = merge_type(json, settings.aspect_ratio == "anyres", settings.keep_class_token, where);
  settings.start_end = read_bool(json, "mm_use_im_start_end", where, false);
  settings.patch_token = read_bool(json, "mm_use_im_patch_token", where, true);
  return settings;
}

ModelConfig original_model_config(const Json& json, const OriginalSettings& settings, const VisionConfig& vision,
                                  std::string_view where) {
  check_config_keys(json, ConfigSection::model, where);
  ModelConfig config;
  config.language = parse_language_config(json, where);
  config.vision = vision;
  config.projector.depth = settings.projector_depth;
  config.feature_layers = settings.feature_layers;
  config.keep_class_token = settings.keep_class_token;
  config.image_newline = settings.aspect_ratio == "anyres" && settings.merge_type == "spatial_unpad";
  config.dtype = read_string(json, json.contains("dtype") ? "dtype" : "torch_dtype", where, "");
  if (settings.tower_width > 0 && settings.tower_width != config.feature_width())
    throw Error(Status::format, cat(where, ": mm_hidden_size is ", settings.tower_width, ", the vision tower is ",
                                    config.feature_width(), " wide"));
  check_model_config(config, "mm_vision_select_layer", where);
  return config;
}

VisionConfig parse_tower_config(const Json& json, std::string_view where) {
  const auto* inner = find_value(json, "vision_config", where);
  return inner ? parse_vision_config(*inner, cat(where, ": vision_config")) : parse_vision_config(json, where);
}

std::optional<VisionConfig> known_tower(std::string_view name) {
  VisionConfig large = {1024, 4096, 24, 16, 14, 224, 1e-5, Activation::quick_gelu};
  if (name == "openai/clip-vit-large-patch14") return large;
  large.image_size = 336;
  if (name == "openai/clip-vit-large-patch14-336") return large;
  return std::nullopt;
}

}  // namespace llava::core
