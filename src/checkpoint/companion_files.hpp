// Small files that go along when a checkpoint is written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace llava::core {

/// Copies tokenizer.model, tokenizer.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json, the chat
/// template and generation_config.json from one folder to another where they are there and not yet in the other.
/// Throws Error(io | limit).
void copy_companions(const std::string& from, const std::string& to);

/// Reads a small JSON object to change and write again: strictly (base/json), and with its order of keys.
/// Throws Error(not_found | format | io | limit).
Json read_to_edit(const std::string& path, int64_t max_bytes);

/// Adds a token to the tokenizer_config.json of `folder` (made when there is none). Throws Error(format | io | limit).
void declare_token(const std::string& folder, int32_t id, std::string_view text);

}  // namespace llava::core
