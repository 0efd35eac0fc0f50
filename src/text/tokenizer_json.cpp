#include "text/tokenizer_json.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/byte_level.hpp"
#include "text/tokenizer_json_scan.hpp"
#include "text/tokenizer_json_steps.hpp"

namespace llava::core {
namespace {

using Ids = std::unordered_map<std::string_view, int32_t>;

[[noreturn]] void refuse(const std::string& where, std::string_view what, Status status = Status::format) {
  throw Error(status, cat(where, what));
}

std::string in_quotes(std::string_view token) { return cat("\"", printable(token, 60), "\""); }

void check_token(const std::string& token, const std::string& where) {
  if (token.empty()) refuse(where, " is an empty token");
  if (token.find('\0') != token.npos) refuse(where, cat(": the token ", in_quotes(token), " holds a NUL character"));
  if (static_cast<int64_t>(token.size()) > limits::kTokenizerTokenBytes)
    refuse(
        where,
        cat(": the token ", in_quotes(token), " has ", token.size(), " bytes, at most ", limits::kTokenizerTokenBytes),
        Status::limit);
}

/// Puts the model's tokens in the order of their ids.
std::vector<std::string> order_tokens(std::vector<std::pair<std::string, int32_t>>& vocabulary,
                                      const std::string& where) {
  if (vocabulary.empty()) refuse(where, " is missing or has no tokens");
  std::vector<std::string> tokens(vocabulary.size());
  for (auto& [token, id] : vocabulary) {
    check_token(token, where);
    if (id >= static_cast<int32_t>(tokens.size()))
      refuse(where,
             cat(": ", in_quotes(token), " has id ", id, ", beyond the ", tokens.size(), " tokens: ids have holes"));
    if (!tokens[static_cast<size_t>(id)].empty())
      refuse(where,
             cat(": ", in_quotes(tokens[static_cast<size_t>(id)]), " and ", in_quotes(token), " both have id ", id));
    tokens[static_cast<size_t>(id)] = std::move(token);
  }
  return tokens;
}

Ids index_tokens(const std::vector<std::string>& tokens, const std::string& where) {
  Ids ids;
  ids.reserve(tokens.size() * 2);
  for (size_t id = 0; id < tokens.size(); ++id)
    if (!ids.emplace(tokens[id], static_cast<int32_t>(id)).second)
      refuse(where, cat(": the token ", in_quotes(tokens[id]), " stands twice"));
  return ids;
}

int32_t find_id(const Ids& ids, std::string_view token) {
  const auto found = ids.find(token);
  return found == ids.end() ? -1 : found->second;
}

std::vector<BpeMerge> resolve_merges(const TokenizerJsonScan& scan, const Ids& ids, const std::string& where) {
  std::vector<BpeMerge> merges;
  merges.reserve(scan.merges.size());
  std::string whole;
  for (const auto& [left, right] : scan.merges) {
    const auto place = [&] { return cat(where, "[", merges.size(), "]"); };
    whole = left;
    whole += right;
    const BpeMerge merge{find_id(ids, left), find_id(ids, right), find_id(ids, whole)};
    if (merge.left < 0) refuse(place(), cat(" names ", in_quotes(left), ", which is no token"));
    if (merge.right < 0) refuse(place(), cat(" names ", in_quotes(right), ", which is no token"));
    if (merge.whole < 0) refuse(place(), cat(" makes ", in_quotes(whole), ", which is no token"));
    merges.push_back(merge);
  }
  return merges;
}

void check_model(const Json& model, const std::string& where) {
  const std::string type = read_string(model, "type", where, "BPE");
  if (type != "BPE")
    refuse(where, cat(".type is ", in_quotes(type), ", only BPE models are supported"), Status::unsupported);
  if (read_number(model, "dropout", where, 0, 1, 0.0) != 0)
    refuse(where, ".dropout is not supported: ids would be random", Status::unsupported);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto text = read_string(model, key, where, ""); !text.empty())
      refuse(where, cat(".", key, " is ", in_quotes(text), ", which is not supported"), Status::unsupported);
}

void check_bytes(const TokenizerJson& json, const Ids& ids, const std::string& where) {
  if (json.byte_level && json.byte_fallback)
    refuse(where, ".byte_fallback together with ByteLevel is not supported", Status::unsupported);
  if (!json.byte_level && !json.byte_fallback) return;
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<uint8_t>(byte);
    const std::string name = json.byte_level ? char_of_byte(value) : byte_name(value);
    if (find_id(ids, name) < 0)
      refuse(where, cat(".vocab has no token ", in_quotes(name), " for the byte ", byte, "; all 256 are needed"));
  }
}

JsonAddedToken read_added(const Json& entry, const std::string& where) {
  JsonAddedToken token;
  token.id = static_cast<int32_t>(read_int(entry, "id", where, 0, limits::kVocabulary - 1));
  token.text = read_string(entry, "content", where);
  check_token(token.text, where);
  token.single_word = read_bool(entry, "single_word", where, false);
  token.lstrip = read_bool(entry, "lstrip", where, false);
  token.rstrip = read_bool(entry, "rstrip", where, false);
  token.special = read_bool(entry, "special", where, false);
  token.normalized = read_bool(entry, "normalized", where, !token.special);
  return token;
}

/// `tokens` grows by the added tokens that the model does not have; those come in the order of their ids.
void add_tokens(TokenizerJson& json, const Json& list, const Ids& ids, const std::string& where) {
  if (list.is_null()) return;
  if (!list.is_array()) refuse(where, " is no array");
  if (static_cast<int64_t>(list.size()) > limits::kAddedTokens)
    refuse(where, cat(" has ", list.size(), " entries, at most ", limits::kAddedTokens), Status::limit);
  std::unordered_map<std::string, int32_t> seen;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto place = cat(where, "[", i, "]");
    JsonAddedToken token = read_added(list.at(i), place);
    if (!seen.emplace(token.text, token.id).second) refuse(place, cat(": ", in_quotes(token.text), " stands twice"));
    const int32_t own = find_id(ids, token.text);
    const auto next = static_cast<int32_t>(json.tokens.size());
    if (own >= 0 && own != token.id)
      refuse(place, cat(": ", in_quotes(token.text), " has id ", token.id, ", model.vocab gives it ", own));
    if (own < 0 && token.id < next)
      refuse(place, cat(": ", in_quotes(token.text), " has id ", token.id, ", which is ",
                        in_quotes(json.tokens[token.id]), "'s"));
    if (own < 0 && token.id > next)
      refuse(place, cat(": ", in_quotes(token.text), " has id ", token.id, ", but no token has id ", next));
    if (own < 0) json.tokens.push_back(token.text);
    json.added.push_back(std::move(token));
  }
}

int32_t named(const TokenizerJson& json, const Ids& ids, const std::string& name, const std::string& where) {
  if (name.empty()) return -1;
  for (const JsonAddedToken& token : json.added)
    if (token.text == name) return token.id;
  const int32_t id = find_id(ids, name);
  if (id < 0) refuse(where, cat(" names ", in_quotes(name), ", which is no token"));
  return id;
}

}  // namespace

TokenizerJson read_tokenizer_json(std::string_view text, const std::string& where) {
  TokenizerJsonScan scan = scan_tokenizer_json(text, where);
  const Json none;
  const auto part = [&](const char* key) -> const Json& {
    const Json* found = find_value(scan.rest, key, where);
    return found ? *found : none;
  };
  const auto path = [&](const char* key) { return cat(where, ": ", key); };
  if (const auto version = read_string(scan.rest, "version", where, "1.0"); version != "1.0")
    refuse(path("version"), cat(" is ", in_quotes(version), ", expected \"1.0\""), Status::unsupported);
  const Json& model = part("model");
  if (!model.is_object()) refuse(path("model"), " is missing or no object");
  check_model(model, path("model"));
  const Json* merges = find_value(model, "merges", path("model"));
  if (!merges || !merges->is_array()) refuse(path("model.merges"), " is no array");

  TokenizerJson json;
  json.normalizer = read_normalizer(part("normalizer"), path("normalizer"));
  json.pre_tokenizer = read_pre_tokenizer(part("pre_tokenizer"), path("pre_tokenizer"));
  json.decoder = read_decoder(part("decoder"), path("decoder"));
  json.byte_level = !json.pre_tokenizer.empty() && json.pre_tokenizer.back().kind == PreTokenizerStep::Kind::byte_level;
  json.byte_fallback = read_bool(model, "byte_fallback", path("model"), false);
  json.fuse_unknown = read_bool(model, "fuse_unk", path("model"), false);
  json.ignore_merges = read_bool(model, "ignore_merges", path("model"), false);

  json.tokens = order_tokens(scan.vocabulary, path("model.vocab"));
  json.model_size = static_cast<int32_t>(json.tokens.size());
  const std::vector<std::string> own_tokens = json.tokens;  // `ids` points into these: json.tokens will grow
  const Ids ids = index_tokens(own_tokens, path("model.vocab"));
  check_bytes(json, ids, path("model"));
  json.merges = resolve_merges(scan, ids, path("model.merges"));
  add_tokens(json, part("added_tokens"), ids, path("added_tokens"));
  json.unknown = named(json, ids, read_string(model, "unk_token", path("model"), ""), path("model.unk_token"));
  json.bos = named(json, ids, read_first_token(part("post_processor"), path("post_processor")), path("post_processor"));
  return json;
}

}  // namespace llava::core
