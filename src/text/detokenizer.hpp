// Ids to text one at a time, for streams: a call gives the text that is certain by then, never half a character.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "text/json_decoder.hpp"
#include "text/tokenizer.hpp"

namespace llava::core {

/// What push() and flush() return, joined, is Tokenizer::decode() of all ids. One thread at a time.
class Detokenizer {
 public:
  /// `at_start` false keeps the blank of the first word: for ids that go on where other text stands already. An answer
  /// after "ASSISTANT:" is a text of its own (the reference decodes it so), hence true.
  explicit Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool at_start = true);

  /// Takes the next token; returns the whole code points that are certain by then, often "" for byte tokens. The bytes
  /// of a tokenizer.json with byte fallback come when their run ends (json_decoder.hpp). Throws Error(argument) for an
  /// id the tokenizer does not have, Error(state) after flush().
  std::string push(int32_t id);

  /// Ends the text: bytes still waiting become U+FFFD each (on byte level, each beginning of a character one).
  std::string flush();

 private:
  void settle_bytes(std::string& out, bool at_end);

  std::shared_ptr<const Tokenizer> tokenizer_;
  JsonDecoder::State json_;  // of a tokenizer.json; all below is sentencepiece's
  std::string bytes_;        // of byte tokens that are not a whole code point yet
  bool expects_blank_;       // the next word is the first one: its blank is dropped
  bool dropped_blank_ = false;
  bool has_text_ = false;
  bool ended_ = false;
};

}  // namespace llava::core
