// Configurations, written out in full: a default that changes in another version must not change the model.
#include "checkpoint/config_output.hpp"

#include "base/error.hpp"

namespace llava::core {
namespace {

constexpr int64_t kIgnored = -100;  // ignore_index of transformers' LlavaConfig

Json rope_scaling(const RopeConfig& rope) {
  switch (rope.scaling) {
    case RopeConfig::Scaling::none:
      return nullptr;
    case RopeConfig::Scaling::linear:
      return Json::object({{"rope_type", "linear"}, {"type", "linear"}, {"factor", rope.factor}});
    case RopeConfig::Scaling::dynamic:
      return Json::object({{"rope_type", "dynamic"}, {"type", "dynamic"}, {"factor", rope.factor}});
    case RopeConfig::Scaling::llama3:
      return Json::object({{"rope_type", "llama3"},
                           {"factor", rope.factor},
                           {"low_freq_factor", rope.low_frequency_factor},
                           {"high_freq_factor", rope.high_frequency_factor},
                           {"original_max_position_embeddings", rope.original_context}});
  }
  return nullptr;
}

Json language_section(const LanguageConfig& language, const std::string& dtype) {
  Json json = Json::object({{"model_type", language.type},
                            {"vocab_size", language.vocabulary},
                            {"hidden_size", language.width},
                            {"intermediate_size", language.intermediate},
                            {"num_hidden_layers", language.layers},
                            {"num_attention_heads", language.heads},
                            {"num_key_value_heads", language.key_value_heads},
                            {"max_position_embeddings", language.context},
                            {"rms_norm_eps", language.rms_norm_eps},
                            {"hidden_act", "silu"},
                            {"rope_theta", language.rope.theta},
                            {"tie_word_embeddings", language.tied_head},
                            {"bos_token_id", language.bos},
                            {"torch_dtype", dtype}});
  if (language.head_width * language.heads != language.width) json.set("head_dim", language.head_width);
  if (language.eos.size() == 1)
    json.set("eos_token_id", language.eos[0]);
  else
    json.set("eos_token_id", language.eos);
  if (language.pad >= 0) json.set("pad_token_id", language.pad);
  if (language.type == "mistral") {
    json.set("sliding_window", language.window > 0 ? Json(language.window) : Json());
  } else {
    json.set("attention_bias", language.attention_bias);
    json.set("mlp_bias", language.mlp_bias);
  }
  if (auto scaling = rope_scaling(language.rope); !scaling.is_null()) json.set("rope_scaling", std::move(scaling));
  return json;
}

Json size_of(int32_t height, int32_t width) { return Json::object({{"height", height}, {"width", width}}); }

// Pairs of sides in the order in which a layout's own rule reads them.
Json grids_of(const TilingConfig& tiling, TileRule rule) {
  auto list = Json::array();
  for (const auto& grid : tiling.grids)
    list.push_back(rule == TileRule::hf ? std::vector<int64_t>{grid.height, grid.width}
                                        : std::vector<int64_t>{grid.width, grid.height});
  return list;
}

[[noreturn]] void no_place(const char* layout, const std::string& what) {
  throw Error(Status::unsupported, cat("the ", layout, " layout has no place for ", what));
}

}  // namespace

Json hf_config(const Checkpoint& checkpoint, const std::string& dtype) {
  const auto& config = checkpoint.config;
  if (config.projector.depth != 2)
    no_place("hf", cat("a projector of ", config.projector.depth,
                       " linear layers; LlavaForConditionalGeneration has two. Choose original"));
  const auto& tiling = checkpoint.tiling;
  if (tiling && tiling->merge != TileMerge::spatial_unpad)
    no_place("hf", cat("tiles merged as ", tile_merge_name(tiling->merge),
                       "; LlavaNextForConditionalGeneration has spatial_unpad. Choose original"));
  const auto& layers = config.feature_layers;
  const char* kind = tiling ? "LlavaNextForConditionalGeneration" : "LlavaForConditionalGeneration";
  Json json = Json::object({{"architectures", std::vector<std::string>{kind}},
                            {"model_type", tiling ? "llava_next" : "llava"},
                            {"ignore_index", kIgnored},
                            {"image_token_index", config.image_token},
                            {"image_seq_length", config.tokens_per_image()},
                            {"projector_hidden_act", activation_name(config.projector.activation)},
                            {"multimodal_projector_bias", config.projector.bias},
                            {"vision_feature_layer", layers.size() == 1 ? Json(layers[0]) : Json(layers)},
                            {"vision_feature_select_strategy", config.keep_class_token ? "full" : "default"},
                            {"tie_word_embeddings", config.language.tied_head},
                            {"torch_dtype", dtype},
                            {"text_config", language_section(config.language, dtype)},
                            {"vision_config", tower_config(config.vision, dtype)}});
  if (tiling) {
    json.set("image_grid_pinpoints", grids_of(*tiling, TileRule::hf));
    json.set("use_image_newline_parameter", true);
  }
  if (config.language.pad >= 0) json.set("pad_token_id", config.language.pad);
  // not transformers' word: kept so that libllava writes prompts as the model was trained
  if (checkpoint.image_marks.begin >= 0) json.set("mm_use_im_start_end", true);
  return json;
}

Json original_config(const Checkpoint& checkpoint, const std::string& dtype) {
  const auto& config = checkpoint.config;
  const auto& projector = config.projector;
  if (config.feature_layers.size() != 1)
    no_place("original", cat("features of several layers: vision_feature_layer is ", Json(config.feature_layers).dump(),
                             ", and its mm_vision_select_layer is one number. Choose hf"));
  if (!projector.bias) no_place("original", "a projector without biases");
  if (projector.activation != Activation::gelu && projector.depth > 1)
    no_place("original", cat("a projector with ", activation_name(projector.activation)));
  auto json = language_section(config.language, dtype);
  const bool mistral = config.language.type == "mistral";
  json.set("architectures", std::vector<std::string>{mistral ? "LlavaMistralForCausalLM" : "LlavaLlamaForCausalLM"});
  json.set("model_type", mistral ? "llava_mistral" : "llava_llama");
  json.set("mm_vision_tower", "vision_tower");
  json.set("mm_hidden_size", config.vision.width);
  json.set("mm_projector_type", projector.depth == 1 ? "linear" : cat("mlp", projector.depth, "x_gelu"));
  json.set("mm_vision_select_layer", config.feature_layers[0]);
  json.set("mm_vision_select_feature", config.keep_class_token ? "cls_patch" : "patch");
  json.set("mm_use_im_start_end", checkpoint.image_marks.begin >= 0);
  json.set("mm_use_im_patch_token", false);
  const auto& tiling = checkpoint.tiling;
  if (tiling || checkpoint.preprocess.do_pad || !checkpoint.aspect_ratio_open)  // absent, it is square
    json.set("image_aspect_ratio", tiling ? "anyres" : checkpoint.preprocess.do_pad ? "pad" : "square");
  if (tiling) {
    if (checkpoint.preprocess.resample != Resample::bicubic)
      no_place("original", "a filter other than bicubic for tiles");
    json.set("mm_patch_merge_type", tile_merge_name(tiling->merge));
    json.set("image_grid_pinpoints", grids_of(*tiling, TileRule::original));
  }
  json.set("use_mm_proj", true);
  return json;
}

Json tower_config(const VisionConfig& vision, const std::string& dtype) {
  return Json::object({{"model_type", "clip_vision_model"},
                       {"hidden_size", vision.width},
                       {"intermediate_size", vision.intermediate},
                       {"num_hidden_layers", vision.layers},
                       {"num_attention_heads", vision.heads},
                       {"image_size", vision.image_size},
                       {"patch_size", vision.patch_size},
                       {"layer_norm_eps", vision.layer_norm_eps},
                       {"hidden_act", activation_name(vision.activation)},
                       {"torch_dtype", dtype}});
}

Json preprocessor_config(const Checkpoint& checkpoint, bool original) {
  const auto& rules = checkpoint.preprocess;
  const auto& tiling = checkpoint.tiling;
  const bool pads = rules.do_pad && !original;
  Json json = Json::object({{"do_resize", rules.do_resize},
                            {"resample", static_cast<int>(rules.resample)},
                            {"do_center_crop", rules.do_center_crop},
                            {"crop_size", size_of(rules.crop_height, rules.crop_width)},
                            {"do_rescale", rules.do_rescale},
                            {"rescale_factor", rules.rescale_factor},
                            {"do_normalize", rules.do_normalize},
                            {"image_mean", Json::array_of(rules.image_mean)},
                            {"image_std", Json::array_of(rules.image_std)},
                            {"do_convert_rgb", rules.do_convert_rgb},
                            {"image_processor_type", pads ? "LlavaImageProcessor" : "CLIPImageProcessor"}});
  json.set("size", rules.shortest_edge > 0 ? Json::object({{"shortest_edge", rules.shortest_edge}})
                                           : size_of(rules.height, rules.width));
  if (original) return json;
  if (pads || !checkpoint.aspect_ratio_open) json.set("do_pad", pads);
  json.set("processor_class", tiling ? "LlavaNextProcessor" : "LlavaProcessor");
  if (!tiling) return json;
  json.set("image_processor_type", "LlavaNextImageProcessor");
  json.set("do_pad", true);  // of a batch, with empty tiles
  json.set("image_grid_pinpoints", grids_of(*tiling, TileRule::hf));
  return json;
}

}  // namespace llava::core
