// The parts that all config.json forms share: a CLIP tower, a LLaMA or Mistral language model.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "model/config.hpp"

namespace llava::core {

/// A CLIPVisionConfig. Throws Error(format) with field, found and expected; Error(unsupported) for other towers.
VisionConfig parse_vision_config(const Json& json, std::string_view where);

/// A LlamaConfig or MistralConfig; the model_types of the original repository's wrappers (llava, llava_llama,
/// llava_mistral) stand for what they wrap. Throws as above.
///
/// Of tie_word_embeddings only this section's counts: transformers 4.57 looks at text_config alone, whatever the level
/// above says (tests/checkpoints/ties.py runs all 18 cases).
LanguageConfig parse_language_config(const Json& json, std::string_view where);

/// "quick_gelu", "gelu", "gelu_pytorch_tanh"; Error(unsupported) for others, with `key`.
Activation activation_named(const std::string& name, std::string_view where, const char* key);

}  // namespace llava::core
