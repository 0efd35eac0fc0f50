// The tokens a Hugging Face folder declares beside its tokenizer, what it calls its special ones, and its chat
// template.
#pragma once

#include <string>
#include <vector>

#include "text/tokenizer.hpp"

namespace llava::core {

struct TokenizerSettings {
  std::vector<AddedToken> added;
  TokenNames names;           // a tokenizer.json needs them
  std::string chat_template;  // "" when the folder names none; never executed, only recognised
};

/// Reads tokenizer_config.json (added_tokens_decoder, chat_template, the names of special tokens),
/// special_tokens_map.json, added_tokens.json and chat_template.jinja/.json where they are. Throws Error(format | limit
/// | io) with file and key.
TokenizerSettings read_tokenizer_settings(const std::string& folder);

}  // namespace llava::core
