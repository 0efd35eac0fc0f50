// Vision tower and language model as config.json describes them.
//
// Hugging Face writes only what differs from a class's defaults, so a missing field means that default
// (transformers v4.57: CLIPVisionConfig, LlamaConfig, MistralConfig).
#include "model/config_sections.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "model/config_keys.hpp"

namespace llava::core {
namespace {

[[noreturn]] void refuse(std::string_view where, const std::string& what, Status status = Status::format) {
  throw Error(status, cat(where, ": ", what));
}

}  // namespace

const Json& config_section(const Json& json, std::string_view key, std::string_view where) {
  const auto* const found = json.find(key);
  if (!found || !found->is_object()) refuse(where, cat(key, " is missing, expected an object"));
  return *found;
}

std::vector<int64_t> parse_end_tokens(const Json& json, int64_t vocabulary, const std::vector<int64_t>& fallback,
                                      std::string_view where) {
  const char* key = "eos_token_id";
  const auto* const found = find_value(json, key, where);
  if (!found) return fallback;
  if (!found->is_array()) return {read_int(json, key, where, 0, vocabulary - 1)};
  auto ids = read_int_list(json, key, where, 0, vocabulary - 1);
  if (ids.empty()) refuse(where, cat(key, " is [], expected an id or a list of some"));
  return ids;
}

Activation activation_named(const std::string& name, std::string_view where, const char* key) {
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  refuse(where, cat(key, " is \"", name, "\", expected quick_gelu, gelu or gelu_pytorch_tanh"), Status::unsupported);
}

VisionConfig parse_vision_config(const Json& json, std::string_view where) {
  const auto type = read_string(json, "model_type", where, "clip_vision_model");
  if (type != "clip_vision_model")
    refuse(where, cat("model_type is \"", type, "\"; vision towers read here: clip_vision_model"), Status::unsupported);
  check_config_keys(json, ConfigSection::vision, where);
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

namespace {

RopeConfig parse_rope(const Json& json, std::string_view where) {
  RopeConfig rope;
  rope.theta = read_number(json, "rope_theta", where, 1e-3, 1e12, 10000.0);
  // transformers 5 keeps theta and scaling together in rope_parameters
  const bool together = json.contains("rope_parameters") && json.at("rope_parameters").is_object();
  const char* key = together ? "rope_parameters" : "rope_scaling";
  if (!json.contains(key) || json.at(key).is_null()) return rope;
  const auto& scaling = config_section(json, key, where);
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
  language.eos = parse_end_tokens(json, language.vocabulary, {2}, where);
}

void parse_attention(const Json& json, std::string_view where, bool mistral, LanguageConfig& language) {
  language.heads = read_int(json, "num_attention_heads", where, 1, limits::kHeads, 32);
  language.key_value_heads =
      read_int(json, "num_key_value_heads", where, 1, limits::kHeads, mistral ? 8 : language.heads);
  if (language.heads % language.key_value_heads)
    refuse(where, cat("num_attention_heads ", language.heads, " is not a multiple of num_key_value_heads ",
                      language.key_value_heads));
  const bool has_head_dim = find_value(json, "head_dim", where) != nullptr;
  if (!has_head_dim && language.width % language.heads)
    refuse(where, cat("hidden_size ", language.width, " is not a multiple of num_attention_heads ", language.heads));
  language.head_width = read_int(json, "head_dim", where, 1, limits::kWidth, language.width / language.heads);
  if (language.head_width % 2)
    refuse(where, cat("a head of ", language.head_width, " is odd, rotary positions need pairs"));
  if (!mistral) return;
  // absent means the default, null means none: published Mistral files say null
  const bool none = json.contains("sliding_window") && json.at("sliding_window").is_null();
  language.window = none ? 0 : read_int(json, "sliding_window", where, 1, limits::kContext, 4096);
}

}  // namespace

LanguageConfig parse_language_config(const Json& json, std::string_view where) {
  LanguageConfig language;
  language.type = read_string(json, "model_type", where, "llama");
  // the original repository's classes wrap these models
  if (language.type == "llava" || language.type == "llava_llama") language.type = "llama";
  if (language.type == "llava_mistral") language.type = "mistral";
  const bool mistral = language.type == "mistral";
  if (language.type != "llama" && !mistral)
    refuse(where, cat("model_type is \"", language.type, "\"; language models read here: llama, mistral"),
           Status::unsupported);
  language.vocabulary = read_int(json, "vocab_size", where, 1, limits::kVocabulary, 32000);
  language.width = read_int(json, "hidden_size", where, 1, limits::kWidth, 4096);
  language.intermediate = read_int(json, "intermediate_size", where, 1, limits::kWidth, mistral ? 14336 : 11008);
  language.layers = read_int(json, "num_hidden_layers", where, 1, limits::kLayers, 32);
  parse_attention(json, where, mistral, language);
  language.context = read_int(json, "max_position_embeddings", where, 1, limits::kContext, mistral ? 131072 : 2048);
  language.rms_norm_eps = read_number(json, "rms_norm_eps", where, 0, 1, 1e-6);
  language.tied_head = read_bool(json, "tie_word_embeddings", where, false);
  language.attention_bias = !mistral && read_bool(json, "attention_bias", where, false);
  language.mlp_bias = !mistral && read_bool(json, "mlp_bias", where, false);
  const auto act = read_string(json, "hidden_act", where, "silu");
  if (act != "silu") refuse(where, cat("hidden_act is \"", act, "\", expected silu"), Status::unsupported);
  language.rope = parse_rope(json, where);
  parse_tokens(json, where, language);
  return language;
}

}  // namespace llava::core
