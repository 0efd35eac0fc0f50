// The components of a tokenizer.json that are lists of steps, from their JSON.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "text/tokenizer_json.hpp"

namespace llava::core {

// `where` is the file and the JSON path; null gives no steps. Throws Error(format | unsupported | limit).
std::vector<NormalizerStep> read_normalizer(const Json& json, const std::string& where);
std::vector<PreTokenizerStep> read_pre_tokenizer(const Json& json, const std::string& where);
DecoderRules read_decoder(const Json& json, const std::string& where);

/// The name of the special token that a post-processor puts before a text; "" when it puts none.
std::string read_first_token(const Json& json, const std::string& where);

}  // namespace llava::core
