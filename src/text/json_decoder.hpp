// Ids to text as the decoder of a tokenizer.json says, one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer_json.hpp"

namespace llava::core {

class JsonDecoder {
 public:
  /// One text under way.
  struct State {
    std::string bytes;     // of byte tokens, or of characters that are not whole yet
    bool first = true;     // no token came yet
    int64_t to_strip = 0;  // characters that may still be taken off the front
  };

  JsonDecoder(const DecoderRules& rules, const std::vector<std::string>& tokens);

  /// `at_start` false: the text goes on where other text stands, so nothing is taken off its front.
  State start(bool at_start) const;

  /// The text that is certain now. With byte fallback, a run of byte tokens is certain when it has ended: the reference
  /// gives U+FFFD for every byte of a run that is not UTF-8 as a whole. Special tokens are the caller's to leave out.
  std::string push(State& state, int32_t id) const;

  /// What was held back.
  std::string flush(State& state) const;

 private:
  void settle_bytes(State& state, std::string& out) const;
  void strip(State& state, std::string& out) const;

  std::vector<std::string> texts_;   // by id, after every step that looks at one token
  std::vector<int16_t> bytes_;       // by id: the byte of a byte token, or -1
  std::vector<std::string> tokens_;  // by id, as they are; for the first token of a Metaspace decoder alone
  std::string blank_;
  std::string strip_;
  int64_t strip_count_ = 0;
  bool byte_level_ = false;
};

}  // namespace llava::core
