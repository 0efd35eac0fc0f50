#include "text/json_encoder.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/byte_level.hpp"
#include "text/unicode.hpp"
#include "text/utf8.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kBlank = "\xE2\x96\x81";  // ▁

/// The text with U+FFFD for each byte that is not UTF-8.
AlignedText repaired(std::string_view text) {
  const AlignedText source = AlignedText::original(text);
  if (valid_utf8(text)) return source;
  AlignedText whole;
  const auto size = static_cast<uint32_t>(text.size());
  for (uint32_t at = 0; at < size;) {
    const int length = utf8_length(text.substr(at));
    if (length > 0) {
      whole.keep(source, at, at + static_cast<uint32_t>(length));
      at += static_cast<uint32_t>(length);
    } else {
      whole.put(kReplacementCharacter, at++);
    }
  }
  whole.finish(size);
  return whole;
}

/// No token begins with something else than "▁" and has a "▁" after that: then none reaches over the begin of a run.
bool keeps_blanks_in_front(const TokenizerJson& json) {
  for (const BpeMerge& merge : json.merges) {
    const std::string& left = json.tokens[static_cast<size_t>(merge.left)];
    const std::string& right = json.tokens[static_cast<size_t>(merge.right)];
    if (right.starts_with(kBlank) && !left.ends_with(kBlank)) return false;
  }
  return true;
}

BpeRules rules_of(const TokenizerJson& json, const std::vector<bool>& hidden, std::vector<std::string>& words) {
  BpeRules rules;
  rules.byte_level = json.byte_level;
  rules.fuse_unknown = json.fuse_unknown;
  rules.whole_words_first = json.ignore_merges;
  rules.cuts_at_blank = !json.byte_level && !json.ignore_merges && keeps_blanks_in_front(json);
  rules.unknown = json.unknown;
  rules.bytes.fill(-1);
  words.reserve(static_cast<size_t>(json.model_size));  // views into it stay valid
  for (int32_t id = 0; id < json.model_size; ++id) {
    const std::string& token = json.tokens[static_cast<size_t>(id)];
    const auto bytes = json.byte_level ? bytes_of_piece(token) : std::nullopt;
    if (bytes && bytes->size() == 1) rules.bytes[static_cast<uint8_t>(bytes->front())] = id;
    if (!json.byte_level) {
      const CodePoint point = code_point_at(token, 0);
      if (point.bytes == token.size()) rules.characters.emplace_back(point.code, id);
      const int byte = json.byte_fallback ? byte_of_name(token) : -1;
      if (byte >= 0 && byte_name(static_cast<uint8_t>(byte)) == token) rules.bytes[static_cast<size_t>(byte)] = id;
    }
    if (json.ignore_merges && !hidden[static_cast<size_t>(id)] && (bytes || !json.byte_level)) {
      words.push_back(bytes ? *bytes : token);
      rules.words.emplace_back(words.back(), id);
    }
  }
  for (const BpeMerge& merge : json.merges) {
    const std::string& whole = json.tokens[static_cast<size_t>(merge.whole)];
    const bool is_byte = json.byte_fallback && byte_of_name(whole) >= 0;
    if (!hidden[static_cast<size_t>(merge.whole)] && !is_byte) rules.merges.push_back(merge);
  }
  return rules;
}

}  // namespace

struct JsonEncoder::Output {
  std::vector<EncodedToken> tokens;
  std::vector<Bpe::Token> pieces;
  Bpe::Work work;
};

JsonEncoder::JsonEncoder(const TokenizerJson& json, const std::vector<JsonAddedToken>& added,
                         const std::vector<bool>& hidden, const std::string& where)
    : normalizer_(json.normalizer),
      pre_tokenizer_(json.pre_tokenizer),
      bpe_(rules_of(json, hidden, words_)),
      byte_level_(json.byte_level) {
  int64_t bytes = 0;
  for (const JsonAddedToken& token : added) {
    AddedTokenRule rule{token.id,          token.text,   hidden[static_cast<size_t>(token.id)],
                        token.single_word, token.lstrip, token.rstrip};
    if (token.normalized) rule.text = normalize(AlignedText::original(token.text), normalizer_).text();
    bytes += static_cast<int64_t>(rule.text.size());
    if (bytes > limits::kAddedTokensBytes)
      throw Error(Status::limit,
                  cat(where, ": added tokens of more than ", limits::kAddedTokensBytes, " bytes together"));
    if (!rule.text.empty()) (token.normalized ? normalized_ : raw_).add(std::move(rule));
  }
}

void JsonEncoder::encode_words(AlignedText text, Output& out) const {
  const Words words = pre_tokenize(std::move(text), pre_tokenizer_);
  const std::string& bytes = words.text.text();
  out.pieces.clear();
  for (const TextRange& word : words.ranges) bpe_.encode(bytes, word.begin, word.end, out.pieces, out.work);
  const auto place = [&](uint32_t at) {  // the byte tokens of one character stand at its begin
    while (!byte_level_ && at < bytes.size() && (static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80) --at;
    return words.text.origin(at);
  };
  for (const Bpe::Token& piece : out.pieces) out.tokens.push_back({piece.id, place(piece.begin), place(piece.end)});
}

void JsonEncoder::encode_plain(AlignedText text, Output& out) const {
  text = normalize(std::move(text), normalizer_);
  const auto parts = normalized_.split(text.text());
  for (const AddedTokenFinder::Part& part : parts) {
    if (part.id >= 0) {
      out.tokens.push_back({part.id, text.origin(part.begin), text.origin(part.end)});
    } else if (parts.size() == 1) {
      encode_words(std::move(text), out);
      return;
    } else {
      encode_words(text.slice(part.begin, part.end), out);
    }
  }
}

std::vector<EncodedToken> JsonEncoder::encode(std::string_view text) const {
  const AlignedText source = repaired(text);
  Output out;
  for (const AddedTokenFinder::Part& part : raw_.split(source.text())) {
    if (part.id >= 0) {
      out.tokens.push_back({part.id, source.origin(part.begin), source.origin(part.end)});
    } else {
      encode_plain(source.slice(part.begin, part.end), out);
    }
  }
  return std::move(out.tokens);
}

}  // namespace llava::core
