// Copying companions.
#include "checkpoint/companion_files.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

constexpr const char* kNames[] = {"tokenizer.model",     "tokenizer.json",        "tokenizer_config.json",
                                  "added_tokens.json",   "chat_template.json",    "special_tokens_map.json",
                                  "chat_template.jinja", "generation_config.json"};
constexpr int64_t kMostBytes = 64 << 20;  // a tokenizer.json of 256 000 tokens takes 34 MB

}  // namespace

void copy_companions(const std::string& from, const std::string& to) {
  for (const std::string name : kNames) {
    const auto source = from + "/" + name, target = to + "/" + name;
    if (!file_exists(source) || file_exists(target)) continue;
    write_file_atomically(target, read_file(source, kMostBytes));
  }
}

void declare_token(const std::string& folder, int32_t id, std::string_view text) {
  const std::string name = "tokenizer_config.json", path = folder + "/" + name;
  Json json = Json::object();
  if (file_exists(path))
    json = parse_json(read_file(path, limits::kTokenizerConfigBytes, name), name,
                      {limits::kTokenizerConfigBytes, limits::kJsonDepth});
  if (!json.is_object()) throw Error(Status::format, cat(name, " is no object"));
  auto& tokens = json["added_tokens_decoder"];
  if (!tokens.is_object()) tokens = Json::object();
  tokens[std::to_string(id)] = {{"content", text}, {"lstrip", false},      {"normalized", false},
                                {"rstrip", false}, {"single_word", false}, {"special", true}};
  write_file_atomically(path, json.dump(2) + "\n");
}

}  // namespace llava::core
