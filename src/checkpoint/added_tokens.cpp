// tokenizer_config.json and its companions.
#include "checkpoint/added_tokens.hpp"

#include <charconv>
#include <filesystem>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

constexpr JsonLimits kLimits = {limits::kTokenizerConfigBytes, limits::kJsonDepth};

Json read_json(const std::string& path, const std::string& name) {
  return parse_json(read_file(path, limits::kTokenizerConfigBytes, name), name, kLimits);
}

int32_t id_of(const std::string& digits, const std::string& where) {
  int32_t id = -1;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size() || id < 0 || id >= limits::kVocabulary)
    throw Error(Status::format, cat(where, ": \"", digits, "\" is no token id"));
  return id;
}

void read_decoder(const Json& json, const std::string& where, std::map<int32_t, AddedToken>& tokens) {
  if (!json.contains("added_tokens_decoder") || !json.at("added_tokens_decoder").is_object()) return;
  for (const auto& [key, value] : json.at("added_tokens_decoder").items()) {
    const auto place = cat(where, ": added_tokens_decoder.", key);
    if (!value.is_object()) throw Error(Status::format, cat(place, " is no object"));
    AddedToken token;
    token.id = id_of(key, place);
    token.text = read_string(value, "content", place);
    token.special = read_bool(value, "special", place, false);
    token.single_word = read_bool(value, "single_word", place, false);
    token.lstrip = read_bool(value, "lstrip", place, false);
    token.rstrip = read_bool(value, "rstrip", place, false);
    token.normalized = read_bool(value, "normalized", place, !token.special);
    tokens[token.id] = token;
  }
}

void read_added(const std::string& folder, std::map<int32_t, AddedToken>& tokens) {
  const std::string name = "added_tokens.json", path = folder + "/" + name;
  if (!std::filesystem::exists(path)) return;
  const auto json = read_json(path, name);
  if (!json.is_object()) throw Error(Status::format, cat(name, " is no object"));
  for (const auto& [text, id] : json.items()) {
    if (!id.is_number_integer()) throw Error(Status::format, cat(name, ": the id of \"", text, "\" is no integer"));
    const auto number = id.integer();
    if (number < 0 || number >= limits::kVocabulary)
      throw Error(Status::format, cat(name, ": \"", text, "\" has id ", number));
    tokens.try_emplace(static_cast<int32_t>(number), AddedToken{static_cast<int32_t>(number), text, true});
  }
}

/// A token named by itself or by an object with "content"; an absent one leaves `name` as it is.
void read_name(const Json& json, const char* key, const std::string& where, std::string& name) {
  const Json* value = find_value(json, key, where);
  if (!value || !name.empty()) return;
  name = value->is_object() ? read_string(*value, "content", cat(where, ": ", key)) : read_string(json, key, where);
}

void read_names(const Json& json, const std::string& where, TokenNames& names) {
  read_name(json, "bos_token", where, names.bos);
  read_name(json, "eos_token", where, names.eos);
  read_name(json, "unk_token", where, names.unk);
  read_name(json, "pad_token", where, names.pad);
}

/// One text, or several by name, of which "default" counts; "" when there is none.
std::string read_chat_template(const Json& json, const std::string& where) {
  const auto* value = find_value(json, "chat_template", where);
  if (!value) return "";
  if (value->is_string()) return value->string();
  if (!value->is_array())
    throw Error(Status::format, cat(where, ": chat_template is ", json_found(*value), ", expected a string or a list"));
  for (size_t i = 0; i < value->size(); ++i) {
    const auto& row = value->at(i);
    const auto place = cat(where, ": chat_template[", i, "]");
    if (!row.is_object()) throw Error(Status::format, cat(place, " is ", json_found(row), ", expected an object"));
    if (read_string(row, "name", place) == "default") return read_string(row, "template", place);
  }
  return "";
}

/// These classes of transformers make the post-processor anew from add_bos_token, whatever the file says.
void read_adds_bos(const Json& json, const std::string& where, TokenNames& names) {
  const auto class_name = read_string(json, "tokenizer_class", where, "");
  for (const std::string_view name : {"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"})
    if (class_name == name || class_name == cat(name, "Fast"))
      names.adds_bos = read_bool(json, "add_bos_token", where, true);
  if (names.adds_bos && names.bos.empty()) names.bos = class_name.starts_with("Gemma") ? "<bos>" : "<s>";
}

}  // namespace

TokenizerSettings read_tokenizer_settings(const std::string& folder) {
  TokenizerSettings settings;
  std::map<int32_t, AddedToken> tokens;
  const std::string name = "tokenizer_config.json";
  if (std::filesystem::exists(folder + "/" + name)) {
    const auto json = read_json(folder + "/" + name, name);
    if (!json.is_object()) throw Error(Status::format, cat(name, " is no object"));
    read_decoder(json, name, tokens);
    settings.chat_template = read_chat_template(json, name);
    read_names(json, name, settings.names);
    read_adds_bos(json, name, settings.names);
  }
  const std::string special = "special_tokens_map.json";
  if (std::filesystem::exists(folder + "/" + special))
    read_names(read_json(folder + "/" + special, special), special, settings.names);
  read_added(folder, tokens);
  for (const char* file : {"chat_template.json", "chat_template.jinja"}) {
    const auto path = folder + "/" + file;
    if (!settings.chat_template.empty() || !std::filesystem::exists(path)) continue;
    settings.chat_template = std::string_view(file).ends_with(".jinja")
                                 ? read_file(path, limits::kTokenizerConfigBytes, file)
                                 : read_string(read_json(path, file), "chat_template", file, "");
  }
  for (auto& [id, token] : tokens) settings.added.push_back(std::move(token));
  return settings;
}

}  // namespace llava::core
