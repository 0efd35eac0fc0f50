// A Tokenizer over a tokenizer.json: which of its tokens are special, and what the checkpoint's other files add to it.
#include <algorithm>
#include <unordered_map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/byte_level.hpp"
#include "text/json_decoder.hpp"
#include "text/json_encoder.hpp"
#include "text/marks.hpp"
#include "text/tokenizer.hpp"
#include "text/unicode.hpp"

namespace llava::core {
namespace {

constexpr int64_t kLargestGap = 65536;
constexpr std::string_view kProbe = "A probe: 12 words, \xC3\xA9, \xE5\xAD\x97\nand a line.";

std::string in_quotes(std::string_view token) { return cat("\"", printable(token, 60), "\""); }

/// The file's own added tokens and those of the checkpoint's other files, which extend the ids where they lie beyond.
std::vector<JsonAddedToken> join_added(TokenizerJson& json, const std::vector<AddedToken>& added,
                                       const std::string& where) {
  std::vector<JsonAddedToken> all = json.added;
  std::unordered_map<int32_t, size_t> known;
  for (size_t i = 0; i < all.size(); ++i) known.emplace(all[i].id, i);
  for (const AddedToken& token : added) {
    const auto size = static_cast<int64_t>(json.tokens.size());
    if (token.text.empty() || static_cast<int64_t>(token.text.size()) > limits::kTokenizerTokenBytes)
      throw Error(Status::format, cat(where, ": added token ", token.id, " has ", token.text.size(),
                                      " bytes of text, expected 1 to ", limits::kTokenizerTokenBytes));
    if (token.id < 0 || token.id >= limits::kVocabulary || token.id > size + kLargestGap)
      throw Error(Status::format, cat(where, ": added token ", token.id, ", the tokenizer has ", size, " tokens"));
    const auto index = static_cast<size_t>(token.id);
    if (token.id >= size) json.tokens.resize(index + 1);
    if (token.id < size && json.tokens[index] != token.text)
      throw Error(Status::format, cat(where, ": added token ", token.id, " is ", in_quotes(token.text),
                                      ", the tokenizer has ", in_quotes(json.tokens[index]), " there"));
    json.tokens[index] = token.text;
    if (const auto found = known.find(token.id); found != known.end()) {
      all[found->second].special = all[found->second].special || token.special;
      continue;
    }
    known.emplace(token.id, all.size());
    all.push_back(
        {token.id, token.text, token.single_word, token.lstrip, token.rstrip, token.normalized, token.special});
  }
  return all;
}

/// Single characters cannot be special: typed text needs them.
bool is_character(const TokenizerJson& json, const std::string& token) {
  if (token.empty()) return false;
  const CodePoint point = code_point_at(token, 0);
  return point.bytes == token.size() && (!json.byte_level || byte_of_char(point.code) >= 0);
}

std::vector<bool> find_hidden(const TokenizerJson& json, const std::vector<JsonAddedToken>& added,
                              const TokenNames& names, const std::string& where) {
  std::vector<bool> hidden(json.tokens.size());
  for (size_t id = 0; id < hidden.size(); ++id) {
    const std::string& token = json.tokens[id];
    const bool has_role = token == names.bos || token == names.eos || token == names.unk || token == names.pad;
    hidden[id] = token.empty() || is_mark(token) || (has_role && !is_character(json, token));
  }
  for (const JsonAddedToken& token : added) {
    if (!token.special) continue;
    if (token.id < json.model_size && is_character(json, token.text))
      throw Error(Status::format, cat(where, ": added token ", token.id, " ", in_quotes(token.text),
                                      " cannot be special: text needs it"));
    hidden[static_cast<size_t>(token.id)] = true;
  }
  return hidden;
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::from_json_file(const std::string& path,
                                                           const std::vector<AddedToken>& added,
                                                           const TokenNames& names) {
  return from_json_bytes(read_file(path, limits::kTokenizerJsonBytes), path, added, names);
}

std::shared_ptr<const Tokenizer> Tokenizer::from_json_bytes(std::string_view text, std::string_view where,
                                                            const std::vector<AddedToken>& added,
                                                            const TokenNames& names) {
  const std::string place(where);
  TokenizerJson json = read_tokenizer_json(text, place);
  const std::vector<JsonAddedToken> all = join_added(json, added, place);
  const std::vector<bool> hidden = find_hidden(json, all, names, place);
  std::shared_ptr<Tokenizer> tokenizer(new Tokenizer);
  tokenizer->encoder_ = std::make_shared<const JsonEncoder>(json, all, hidden, place);
  tokenizer->decoder_ = std::make_shared<const JsonDecoder>(json.decoder, json.tokens);
  tokenizer->model_size_ = json.model_size;
  tokenizer->unk_ = json.unknown;
  tokenizer->is_byte_level_ = json.byte_level;
  tokenizer->entries_.reserve(json.tokens.size());
  for (size_t id = 0; id < json.tokens.size(); ++id) {
    Entry entry{std::move(json.tokens[id]), hidden[id] ? Kind::special : Kind::text, 0,
                static_cast<int32_t>(id) < json.model_size};
    const int byte = json.byte_fallback && !hidden[id] ? byte_of_name(entry.text) : -1;
    if (byte >= 0) entry.kind = Kind::byte, entry.byte = static_cast<uint8_t>(byte);
    tokenizer->entries_.push_back(std::move(entry));
  }
  tokenizer->take_names(names, json.bos, place);
  if (tokenizer->encode(kProbe).empty()) throw Error(Status::format, cat(place, ": text does not survive encoding"));
  return tokenizer;
}

int32_t Tokenizer::find_token(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.text == name; });
  return name.empty() || found == entries_.end() ? -1 : static_cast<int32_t>(found - entries_.begin());
}

void Tokenizer::take_names(const TokenNames& names, int32_t first_id, const std::string& where) {
  const auto needed = [&](const std::string& name, const char* role) {
    const int32_t id = find_token(name);
    if (id < 0) throw Error(Status::format, cat(where, ": the ", role, " ", in_quotes(name), " is no token"));
    return id;
  };
  bos_ = first_id;
  if (names.adds_bos) bos_ = *names.adds_bos ? needed(names.bos, "bos_token") : -1;
  eos_ = names.eos.empty() ? special_id("</s>") : needed(names.eos, "eos_token");
  if (unk_ < 0) unk_ = find_token(names.unk);
  for (const std::string_view name :
       {std::string_view(names.pad), std::string_view("<pad>"), std::string_view("[PAD]")})
    if (pad_ < 0) pad_ = find_token(name);
}

std::vector<TokenSpan> Tokenizer::encode_json(std::string_view text) const {
  const std::vector<EncodedToken> tokens = encoder_->encode(text);
  std::vector<TokenSpan> spans(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) spans[i] = {tokens[i].id, tokens[i].begin, tokens[i].end};
  return spans;
}

std::string_view Tokenizer::kind() const {
  if (!encoder_) return "sentencepiece";
  return is_byte_level_ ? "byte-level bpe" : "bpe";
}

}  // namespace llava::core
