// What the normalizer and the pre-tokenizer of a tokenizer.json do to a text.
#pragma once

#include <vector>

#include "text/aligned_text.hpp"
#include "text/tokenizer_json.hpp"

namespace llava::core {

/// A text and the words in it, in order, none empty. What lies between words is dropped.
struct Words {
  AlignedText text;
  std::vector<TextRange> ranges;
};

/// Throws Error(limit) after Pattern::find_all(), or when a replacement makes a text longer than 2^27 bytes.
AlignedText normalize(AlignedText text, const std::vector<NormalizerStep>& steps);

/// The whole text is one word at first. Throws as normalize().
Words pre_tokenize(AlignedText text, const std::vector<PreTokenizerStep>& steps);

}  // namespace llava::core
