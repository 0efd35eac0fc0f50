// The expressions by which the byte-level tokenizers of GPT-2, LLaMA 3 and Qwen 2 cut text into words.
#pragma once

#include <cstddef>
#include <string_view>

namespace llava::core {

/// ByteLevel's own expression (GPT-2).
extern const std::string_view kGpt2Pattern;

/// Gives the end of the match that begins at `at`; these expressions match everywhere, so matches follow each other
/// without a gap. nullptr for an expression that is not known letter by letter.
using PatternScan = size_t (*)(std::string_view text, size_t at);
PatternScan known_pattern(std::string_view expression);

}  // namespace llava::core
