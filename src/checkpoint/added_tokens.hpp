// The tokens a Hugging Face folder declares beside its sentencepiece model, and its chat template's text.
#pragma once

#include <string>
#include <vector>

#include "text/tokenizer.hpp"

namespace llava::core {

struct TokenizerSettings {
  std::vector<AddedToken> added;
  std::string chat_template;  // "" when the folder names none; never executed, only recognised
};

/// Reads tokenizer_config.json (added_tokens_decoder, chat_template), added_tokens.json and chat_template.jinja/.json
/// where they are. Throws Error(format | limit | io) with file and key.
TokenizerSettings read_tokenizer_settings(const std::string& folder);

}  // namespace llava::core
