// Copying companions.
#include "checkpoint/companion_files.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
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

Json read_to_edit(const std::string& path, int64_t max_bytes) {
  auto json = parse_json(read_file(path, max_bytes), path, {max_bytes, limits::kJsonDepth});
  if (!json.is_object()) throw Error(Status::format, cat(path, " is no JSON object"));
  return json;
}

void declare_token(const std::string& folder, int32_t id, std::string_view text) {
  const auto path = folder + "/tokenizer_config.json";
  auto json = file_exists(path) ? read_to_edit(path, limits::kTokenizerConfigBytes) : Json::object();
  auto* tokens = json.find("added_tokens_decoder");
  if (!tokens || !tokens->is_object()) tokens = &json.set("added_tokens_decoder", Json::object());
  tokens->set(std::to_string(id), Json::object({{"content", text},
                                                {"lstrip", false},
                                                {"normalized", false},
                                                {"rstrip", false},
                                                {"single_word", false},
                                                {"special", true}}));
  write_file_atomically(path, json.dump(2) + "\n");
}

}  // namespace llava::core
