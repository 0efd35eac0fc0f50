// How the original turns a finished prompt into ids: one string, in which the names of special tokens are those tokens,
// whoever typed them. The rule "upstream" needs it; everything else builds ids from structure (text/prompt).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.hpp"

namespace llava::core {

/// transformers' slow LlamaTokenizer over our tokenizer; immutable.
class UpstreamTokens {
 public:
  /// `legacy`: the flag of tokenizer_config.json. With it every stretch between special tokens is given
  /// sentencepiece's blank; without it only the text as a whole, and a typed "▁" is a blank. It means nothing for a
  /// tokenizer.json.
  /// Source: transformers 4.37, models/llama/tokenization_llama.py, tokenize and _tokenize.
  UpstreamTokens(std::shared_ptr<const Tokenizer> tokenizer, bool legacy);

  /// tokenizer(text).input_ids: BOS first where the tokenizer has one.
  std::vector<int64_t> encode(std::string_view text) const;

  /// The same with kImageToken for each "<image>"; every stretch between them is encoded on its own.
  /// Source: LLaVA c121f04, llava/mm_utils.py, tokenizer_image_token.
  std::vector<int64_t> encode_with_images(std::string_view text) const;

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  bool legacy() const { return legacy_; }

 private:
  struct Name {
    std::string text;
    int32_t id;
  };
  const Name* name_at(std::string_view text) const;
  void put_words(std::string_view words, bool blank, std::vector<int64_t>& ids) const;

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<Name> names_;  // longest first
  bool legacy_;
};

}  // namespace llava::core
