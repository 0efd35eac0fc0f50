// ModelConfig from a Hugging Face config.json (LlavaForConditionalGeneration, LlavaNextForConditionalGeneration), checked
// field by field. The grids of the latter are read by image/tiles.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "model/config.hpp"

namespace llava::core {

/// `where` names the file in messages. Missing fields take transformers' defaults (LlavaConfig, CLIPVisionConfig,
/// LlamaConfig); wrong types, ranges and parts that do not fit each other are Error(format) with field, found and
/// expected; other families and unknown towers are Error(unsupported).
ModelConfig parse_model_config(const Json& json, std::string_view where);

/// Throws Error(format) when the parts do not fit each other: feature layers the tower does not have (`layer_key` names
/// the field), a context that does not hold one picture.
void check_model_config(const ModelConfig& config, const char* layer_key, std::string_view where);

}  // namespace llava::core
