#include "text/json_decoder.hpp"

#include <utility>

#include "base/utf8.hpp"
#include "text/byte_level.hpp"
#include "text/utf8.hpp"

namespace llava::core {
namespace {

std::string replace_matches(const std::string& text, const DecoderRules::Replacement& rule) {
  std::vector<TextRange> matches;
  rule.pattern.find_all(text, matches);
  std::string out;
  uint32_t done = 0;
  for (const TextRange& match : matches) {
    out.append(text, done, match.begin - done);
    out.append(rule.text);
    done = match.end;
  }
  return out.append(text, done);
}

std::string replace_blanks(const std::string& text, const std::string& blank, std::string_view by) {
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(blank); at != text.npos; at = text.find(blank, done)) {
    out.append(text, done, at - done);
    out.append(by);
    done = at + blank.size();
  }
  return out.append(text, done);
}

std::string text_of(const std::string& token, const DecoderRules& rules) {
  if (rules.byte_level) return bytes_of_piece(token).value_or(token);
  std::string text = token;
  for (const DecoderRules::Replacement& rule : rules.replace) text = replace_matches(text, rule);
  return rules.blank.empty() ? text : replace_blanks(text, rules.blank, " ");
}

}  // namespace

JsonDecoder::JsonDecoder(const DecoderRules& rules, const std::vector<std::string>& tokens)
    : bytes_(tokens.size(), -1),
      blank_(rules.blank),
      strip_(rules.strip),
      strip_count_(rules.strip_count),
      byte_level_(rules.byte_level) {
  texts_.reserve(tokens.size());
  for (const std::string& token : tokens) texts_.push_back(text_of(token, rules));
  for (size_t id = 0; rules.byte_fallback && id < tokens.size(); ++id)
    bytes_[id] = static_cast<int16_t>(byte_of_name(texts_[id]));
  if (rules.drops_first_blanks) tokens_ = tokens;
}

JsonDecoder::State JsonDecoder::start(bool at_start) const {
  State state;
  state.first = at_start;
  state.to_strip = at_start ? strip_count_ : 0;
  return state;
}

void JsonDecoder::strip(State& state, std::string& out) const {
  size_t done = 0;
  while (state.to_strip > 0 && std::string_view(out).substr(done).starts_with(strip_)) {
    done += strip_.size();
    --state.to_strip;
  }
  if (done < out.size()) state.to_strip = 0;
  out.erase(0, done);
}

void JsonDecoder::settle_bytes(State& state, std::string& out) const {
  if (valid_utf8(state.bytes)) {
    out += state.bytes;
  } else {
    for (size_t i = 0; i < state.bytes.size(); ++i) out += kReplacementCharacter;
  }
  state.bytes.clear();
}

std::string JsonDecoder::push(State& state, int32_t id) const {
  const auto index = static_cast<size_t>(id);
  const bool first = std::exchange(state.first, false);
  std::string out;
  if (byte_level_) {
    state.bytes += texts_[index];
    state.bytes.erase(0, append_lossy(out, state.bytes, false));
    return out;
  }
  if (bytes_[index] >= 0) {
    state.bytes.push_back(static_cast<char>(bytes_[index]));
    return out;
  }
  settle_bytes(state, out);
  out += first && !tokens_.empty() ? replace_blanks(tokens_[index], blank_, "") : texts_[index];
  strip(state, out);
  return out;
}

std::string JsonDecoder::flush(State& state) const {
  std::string out;
  if (byte_level_) {
    append_lossy(out, state.bytes, true);
    state.bytes.clear();
    return out;
  }
  settle_bytes(state, out);
  strip(state, out);
  return out;
}

}  // namespace llava::core
