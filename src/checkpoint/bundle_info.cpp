// What `llava info` prints.
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "checkpoint/bundle.hpp"

namespace llava::core {
namespace {

using Ordered = nlohmann::ordered_json;

const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::quick_gelu:
      return "quick_gelu";
    case Activation::gelu:
      return "gelu";
    case Activation::gelu_tanh:
      return "gelu_tanh";
  }
  return "?";
}

const char* rope_name(RopeConfig::Scaling scaling) {
  switch (scaling) {
    case RopeConfig::Scaling::none:
      return "none";
    case RopeConfig::Scaling::linear:
      return "linear";
    case RopeConfig::Scaling::dynamic:
      return "dynamic";
    case RopeConfig::Scaling::llama3:
      return "llama3";
  }
  return "?";
}

Ordered vision_json(const ModelConfig& config) {
  const auto& vision = config.vision;
  return {{"width", vision.width},
          {"layers", vision.layers},
          {"heads", vision.heads},
          {"intermediate", vision.intermediate},
          {"patch_size", vision.patch_size},
          {"image_size", vision.image_size},
          {"activation", activation_name(vision.activation)},
          {"feature_layer", config.feature_layer},
          {"keep_class_token", config.keep_class_token},
          {"tokens_per_image", config.tokens_per_image()}};
}

Ordered language_json(const LanguageConfig& language) {
  return {{"vocabulary", language.vocabulary},
          {"width", language.width},
          {"layers", language.layers},
          {"heads", language.heads},
          {"key_value_heads", language.key_value_heads},
          {"head_width", language.head_width},
          {"intermediate", language.intermediate},
          {"rope_theta", language.rope.theta},
          {"rope_scaling", rope_name(language.rope.scaling)},
          {"tied_head", language.tied_head}};
}

int64_t cache_bytes_per_token(const Bundle& bundle) {
  const auto& language = bundle.config.language;
  const auto cache = bundle.model->language().new_cache();
  return 2 * language.layers * language.key_value_heads * language.head_width *
         static_cast<int64_t>(c10::elementSize(cache.dtype()));
}

}  // namespace

std::string bundle_info_json(const Bundle& bundle) {
  const auto& defaults = bundle.defaults;
  Ordered json = {
      {"path", bundle.path},
      {"family", "llava-1.5"},
      {"layout", bundle.layout},
      {"fingerprint", bundle.fingerprint},
      {"parameters", bundle.parameters},
      {"weight_bytes", bundle.weight_bytes},
      {"stored_dtype", bundle.stored_dtype},
      {"device", bundle.model->device().str()},
      {"context", bundle.context},
      {"cache_bytes_per_token", cache_bytes_per_token(bundle)},
      {"vision", vision_json(bundle.config)},
      {"projector",
       {{"layers", bundle.config.projector.depth},
        {"activation", activation_name(bundle.config.projector.activation)}}},
      {"language", language_json(bundle.config.language)},
      {"tokenizer",
       {{"tokens", bundle.tokenizer->size()},
        {"bos", bundle.tokenizer->bos()},
        {"eos", defaults.eos},
        {"file", bundle.tokenizer_file},
        {"kind", bundle.tokenizer->kind()},
        {"unused_file", bundle.tokenizer_unused}}},
      {"template", {{"name", bundle.chat_template->key}, {"why", bundle.template_reason}}},
      {"sampling",
       {{"temperature", defaults.temperature},
        {"top_p", defaults.top_p},
        {"top_k", defaults.top_k},
        {"repetition_penalty", defaults.repetition_penalty},
        {"max_tokens", defaults.max_tokens}}},
      {"unused_tensors", bundle.unused},
  };
  return json.dump();
}

}  // namespace llava::core
