// config.json of Hugging Face LLaVA-1.5 directories.
//
// Hugging Face writes only what differs from a class's defaults, so a missing field means that default
// (transformers v4.57: LlavaConfig, CLIPVisionConfig, LlamaConfig).
#include "model/config_json.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

[[noreturn]] void refuse(std::string_view where, const std::string& what, Status status = Status::format) {
  throw Error(status, cat(where, ": ", what));
}

const Json& section(const Json& json, const char* key, std::string_view where) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object()) refuse(where, cat(key, " is missing, expected an object"));
  return *found;
}

Activation activation_named(const std::string& name, std::string_view where, const char* key) {
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  refuse(where, cat(key, " is \"", name, "\", expected quick_gelu, gelu or gelu_pytorch_tanh"), Status::unsupported);
}

VisionConfig parse_vision(const Json& json, std::string_view where) {
  const auto type = read_string(json, "model_type", where, "clip_vision_model");
  if (type != "clip_vision_model")
    refuse(where, cat("model_type is \"", type, "\"; vision towers read here: clip_vision_model"), Status::unsupported);
  VisionConfig vision;
  vision.width = read_int(json, "hidden_size", where, 1, limits::kWidth, 768);
  vision.intermediate = read_int(json, "intermediate_size", where, 1, limits::kWidth, 3072);
  vision.layers = read_int(json, "num_hidden_layers", where, 1, limits::kLayers, 12);
  vision.heads = read_int(json, "num_attention_heads", where, 1, limits::kHeads, 12);
  vision.image_size = read_int(json, "image_size", where, 1, limits::kVisionImageSize, 224);
  vision.patch_size = read_int(json, "patch_size", where, 1, limits::kVisionImageSize, 32);
  vision.layer_norm_eps = read_number(json, "layer_norm_eps", where, 0, 1, 1e-5);
  vision.activation = activation_named(read_string(json, "hidden_act", where, "quick_gelu"), where, "hidden_act");
  if (vision.width % vision.heads)
    refuse(where, cat("hidden_size ", vision.width, " is not a multiple of num_attention_heads ", vision.heads));
  if (vision.image_size < vision.patch_size)
    refuse(where, cat("image_size ", vision.image_size, " is smaller than patch_size ", vision.patch_size));
  return vision;
}

RopeConfig parse_rope(const Json& json, std::string_view where) {
  RopeConfig rope;
  rope.theta = read_number(json, "rope_theta", where, 1e-3, 1e12, 10000.0);
  // transformers 5 keeps theta and scaling together in rope_parameters
  const bool together = json.contains("rope_parameters") && json.at("rope_parameters").is_object();
  const char* key = together ? "rope_parameters" : "rope_scaling";
  if (!json.contains(key) || json.at(key).is_null()) return rope;
  const auto& scaling = section(json, key, where);
  const auto inner = cat(where, '.', key);
  rope.theta = read_number(scaling, "rope_theta", inner, 1e-3, 1e12, rope.theta);
  const auto type = read_string(scaling, "rope_type", inner, read_string(scaling, "type", inner, "default"));
  if (type == "default") return rope;
  rope.factor = read_number(scaling, "factor", inner, 1, 1e6, 1.0);
  if (type == "linear") {
    rope.scaling = RopeConfig::Scaling::linear;
  } else if (type == "dynamic") {
    rope.scaling = RopeConfig::Scaling::dynamic;
  } else if (type == "llama3") {
    rope.scaling = RopeConfig::Scaling::llama3;
    rope.low_frequency_factor = read_number(scaling, "low_freq_factor", inner, 1e-6, 1e6, 1.0);
    rope.high_frequency_factor = read_number(scaling, "high_freq_factor", inner, 1e-6, 1e6, 4.0);
    rope.original_context = read_int(scaling, "original_max_position_embeddings", inner, 1, limits::kContext, 8192);
    if (rope.high_frequency_factor <= rope.low_frequency_factor)
      refuse(inner, cat("high_freq_factor ", rope.high_frequency_factor, " is not above low_freq_factor ",
                        rope.low_frequency_factor));
  } else {
    refuse(inner, cat("rope_type is \"", type, "\"; read here: default, linear, dynamic, llama3"), Status::unsupported);
  }
  return rope;
}

void parse_tokens(const Json& json, std::string_view where, LanguageConfig& language) {
  const int64_t last = language.vocabulary - 1;
  language.bos = read_int(json, "bos_token_id", where, -1, last, 1);
  language.pad = read_int(json, "pad_token_id", where, -1, last, -1);
  if (json.contains("eos_token_id") && json.at("eos_token_id").is_array())
    language.eos = read_int_list(json, "eos_token_id", where, 0, last);
  else
    language.eos = {read_int(json, "eos_token_id", where, 0, last, 2)};
}

LanguageConfig parse_language(const Json& json, std::string_view where, bool tied) {
  const auto type = read_string(json, "model_type", where, "llama");
  if (type != "llama")
    refuse(where, cat("model_type is \"", type, "\"; language models read here: llama"), Status::unsupported);
  LanguageConfig language;
  language.vocabulary = read_int(json, "vocab_size", where, 1, limits::kVocabulary, 32000);
  language.width = read_int(json, "hidden_size", where, 1, limits::kWidth, 4096);
  language.intermediate = read_int(json, "intermediate_size", where, 1, limits::kWidth, 11008);
  language.layers = read_int(json, "num_hidden_layers", where, 1, limits::kLayers, 32);
  language.heads = read_int(json, "num_attention_heads", where, 1, limits::kHeads, 32);
  language.key_value_heads = read_int(json, "num_key_value_heads", where, 1, limits::kHeads, language.heads);
  if (language.heads % language.key_value_heads)
    refuse(where, cat("num_attention_heads ", language.heads, " is not a multiple of num_key_value_heads ",
                      language.key_value_heads));
  if (!json.contains("head_dim") && language.width % language.heads)
    refuse(where, cat("hidden_size ", language.width, " is not a multiple of num_attention_heads ", language.heads));
  language.head_width = read_int(json, "head_dim", where, 1, limits::kWidth, language.width / language.heads);
  if (language.head_width % 2)
    refuse(where, cat("a head of ", language.head_width, " is odd, rotary positions need pairs"));
  language.context = read_int(json, "max_position_embeddings", where, 1, limits::kContext, 2048);
  language.rms_norm_eps = read_number(json, "rms_norm_eps", where, 0, 1, 1e-6);
  language.tied_head = read_bool(json, "tie_word_embeddings", where, tied);
  language.attention_bias = read_bool(json, "attention_bias", where, false);
  language.mlp_bias = read_bool(json, "mlp_bias", where, false);
  const auto act = read_string(json, "hidden_act", where, "silu");
  if (act != "silu") refuse(where, cat("hidden_act is \"", act, "\", expected silu"), Status::unsupported);
  language.rope = parse_rope(json, where);
  parse_tokens(json, where, language);
  return language;
}

int64_t parse_feature_layer(const Json& json, std::string_view where) {
  if (!json.contains("vision_feature_layer") || !json.at("vision_feature_layer").is_array())
    return read_int(json, "vision_feature_layer", where, -limits::kLayers - 1, limits::kLayers, -2);
  const auto layers = read_int_list(json, "vision_feature_layer", where, -limits::kLayers - 1, limits::kLayers);
  if (layers.size() != 1)
    refuse(where, cat("vision_feature_layer names ", layers.size(), " layers; features of one layer are read here"),
           Status::unsupported);
  return layers[0];
}

bool parse_select_strategy(const Json& json, std::string_view where) {
  const auto strategy = read_string(json, "vision_feature_select_strategy", where, "default");
  if (strategy != "default" && strategy != "full")
    refuse(where, cat("vision_feature_select_strategy is \"", strategy, "\", expected default or full"));
  return strategy == "full";
}

}  // namespace

ModelConfig parse_model_config(const Json& json, std::string_view where) {
  if (!json.is_object()) refuse(where, "is no JSON object");
  const auto type = read_string(json, "model_type", where, "");
  if (type != "llava")
    refuse(where, cat("model_type is \"", type, "\"; read here: llava (LlavaForConditionalGeneration)"),
           Status::unsupported);
  if (!json.contains("text_config") && json.contains("mm_vision_tower"))
    refuse(
        where,
        "this is the original repository's layout (mm_vision_tower); Hugging Face LLaVA-1.5 directories are read here",
        Status::unsupported);
  ModelConfig config;
  const bool tied = read_bool(json, "tie_word_embeddings", where, false);
  config.language = parse_language(section(json, "text_config", where), cat(where, ": text_config"), tied);
  config.vision = parse_vision(section(json, "vision_config", where), cat(where, ": vision_config"));
  config.projector.activation =
      activation_named(read_string(json, "projector_hidden_act", where, "gelu"), where, "projector_hidden_act");
  config.projector.bias = read_bool(json, "multimodal_projector_bias", where, true);
  config.feature_layer = parse_feature_layer(json, where);
  config.keep_class_token = parse_select_strategy(json, where);
  const char* image_key = json.contains("image_token_id") ? "image_token_id" : "image_token_index";
  config.image_token = read_int(json, image_key, where, 0, limits::kVocabulary, 32000);
  const char* dtype_key = json.contains("dtype") ? "dtype" : "torch_dtype";
  config.dtype = read_string(json, dtype_key, where, "");

  const int64_t deepest = config.vision.layers;
  if (config.feature_layer > deepest || config.feature_layer < -deepest - 1)
    refuse(where, cat("vision_feature_layer is ", config.feature_layer, ", the tower has hidden states ", -deepest - 1,
                      " to ", deepest));
  if (config.language.context <= config.tokens_per_image())
    refuse(where, cat("max_position_embeddings ", config.language.context, " does not hold the ",
                      config.tokens_per_image(), " tokens of one picture"));
  return config;
}

}  // namespace llava::core
