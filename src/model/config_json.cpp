// config.json of Hugging Face LLaVA-1.5 and LLaVA-NeXT directories; missing fields as in transformers v4.57, LlavaConfig
// and LlavaNextConfig.
#include "model/config_json.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "model/config_keys.hpp"
#include "model/config_sections.hpp"

namespace llava::core {
namespace {

[[noreturn]] void refuse(std::string_view where, const std::string& what, Status status = Status::format) {
  throw Error(status, cat(where, ": ", what));
}

// A number, or a list whose features stand side by side.
std::vector<int64_t> parse_feature_layers(const Json& json, std::string_view where) {
  constexpr int64_t kLowest = -limits::kLayers - 1, kHighest = limits::kLayers;
  const char* key = "vision_feature_layer";
  if (!json.contains(key) || !json.at(key).is_array()) return {read_int(json, key, where, kLowest, kHighest, -2)};
  const auto layers = read_int_list(json, key, where, kLowest, kHighest);
  if (layers.empty() || static_cast<int64_t>(layers.size()) > limits::kLayers)
    refuse(where, cat(key, " names ", layers.size(), " layers, expected 1 to ", limits::kLayers));
  return layers;
}

bool parse_select_strategy(const Json& json, std::string_view where) {
  const auto strategy = read_string(json, "vision_feature_select_strategy", where, "default");
  if (strategy != "default" && strategy != "full")
    refuse(where, cat("vision_feature_select_strategy is \"", strategy, "\", expected default or full"));
  return strategy == "full";
}

// What transformers' LlavaNextModel always does, whatever these fields say, is not promised for other values of them.
void parse_next(const Json& json, std::string_view where, ModelConfig& config) {
  if (!read_bool(json, "use_image_newline_parameter", where, true))
    refuse(where, "use_image_newline_parameter is false, expected true: lines of tiles end with image_newline",
           Status::unsupported);
  if (config.keep_class_token)
    refuse(where,
           "vision_feature_select_strategy is \"full\"; the class token has no place in the grid of llava_next, "
           "expected default",
           Status::unsupported);
  config.image_newline = true;
}

}  // namespace

ModelConfig parse_model_config(const Json& json, std::string_view where) {
  if (!json.is_object()) refuse(where, "is no JSON object");
  const auto type = read_string(json, "model_type", where, "");
  if (type != "llava" && type != "llava_next")
    refuse(where,
           cat("model_type is \"", type,
               "\"; read here: llava (LlavaForConditionalGeneration), llava_next (LlavaNextForConditionalGeneration)"),
           Status::unsupported);
  check_config_keys(json, ConfigSection::model, where);
  check_config_keys(config_section(json, "text_config", where), ConfigSection::language, cat(where, ": text_config"));
  ModelConfig config;
  config.language = parse_language_config(config_section(json, "text_config", where), cat(where, ": text_config"));
  config.vision = parse_vision_config(config_section(json, "vision_config", where), cat(where, ": vision_config"));
  config.projector.activation =
      activation_named(read_string(json, "projector_hidden_act", where, "gelu"), where, "projector_hidden_act");
  config.projector.bias = read_bool(json, "multimodal_projector_bias", where, true);
  config.feature_layers = parse_feature_layers(json, where);
  config.keep_class_token = parse_select_strategy(json, where);
  if (type == "llava_next") parse_next(json, where, config);
  const char* image_key = json.contains("image_token_id") ? "image_token_id" : "image_token_index";
  const int64_t last = config.language.vocabulary - 1;
  config.image_token = read_int(json, image_key, where, 0, last, last < 32000 ? -1 : 32000);
  const char* dtype_key = json.contains("dtype") ? "dtype" : "torch_dtype";
  config.dtype = read_string(json, dtype_key, where, "");
  check_model_config(config, "vision_feature_layer", where);
  return config;
}

void check_model_config(const ModelConfig& config, const char* layer_key, std::string_view where) {
  const int64_t deepest = config.vision.layers;
  for (const auto layer : config.feature_layers)
    if (layer > deepest || layer < -deepest - 1)
      refuse(where, cat(layer_key, " is ", layer, ", the tower has hidden states ", -deepest - 1, " to ", deepest));
  if (config.language.context <= config.tokens_per_image())
    refuse(where, cat("max_position_embeddings ", config.language.context, " does not hold the ",
                      config.tokens_per_image(), " tokens of one picture"));
}

}  // namespace llava::core
