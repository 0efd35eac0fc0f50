// The way of a text through a tokenizer.json: added tokens, normalizer, pre-tokenizer, byte-pair encoding.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/added_token_finder.hpp"
#include "text/bpe.hpp"
#include "text/text_steps.hpp"
#include "text/tokenizer_json.hpp"

namespace llava::core {

/// An id and the bytes of the text it stands for; see TokenSpan.
struct EncodedToken {
  int32_t id = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

/// Immutable; any number of threads may use one at the same time.
class JsonEncoder {
 public:
  /// `hidden[id]`: typed text never gives this token. `added` are all added tokens, also those that come from elsewhere
  /// than the file; what the file's own list says of a token is taken from there. Throws Error(limit) when they have more
  /// than limits::kAddedTokensBytes together.
  JsonEncoder(const TokenizerJson& json, const std::vector<JsonAddedToken>& added, const std::vector<bool>& hidden,
              const std::string& where);

  /// Bytes that are not UTF-8 become U+FFFD. Throws Error(limit) as the patterns do.
  std::vector<EncodedToken> encode(std::string_view text) const;

 private:
  struct Output;

  void encode_plain(AlignedText text, Output& out) const;
  void encode_words(AlignedText text, Output& out) const;

  AddedTokenFinder raw_;         // looked for in the text as it comes
  AddedTokenFinder normalized_;  // looked for in what the normalizer made of the rest
  std::vector<NormalizerStep> normalizer_;
  std::vector<PreTokenizerStep> pre_tokenizer_;
  std::vector<std::string> words_;  // for BpeRules::words
  Bpe bpe_;
  bool byte_level_ = false;
};

}  // namespace llava::core
