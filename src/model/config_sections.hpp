// The parts that all config.json forms share: a CLIP tower, a LLaMA or Mistral language model.
#pragma once

#include <string>
#include <string_view>
#include <vector>

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

/// eos_token_id: an id or a list of at least one; the fallback when it is absent or null. Throws Error(format).
std::vector<int64_t> parse_end_tokens(const Json& json, int64_t vocabulary, const std::vector<int64_t>& fallback,
                                      std::string_view where);

/// The object that stands under a key. Throws Error(format) when there is none.
const Json& config_section(const Json& json, std::string_view key, std::string_view where);

/// "quick_gelu", "gelu", "gelu_pytorch_tanh"; Error(unsupported) for others, with `key`.
Activation activation_named(const std::string& name, std::string_view where, const char* key);

}  // namespace llava::core
