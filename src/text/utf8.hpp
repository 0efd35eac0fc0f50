// The little that the text folder needs to know of UTF-8 beyond base/utf8.hpp: how far a code point goes.
#pragma once

#include <string_view>

namespace llava::core {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

/// Length (1 to 4) of the code point that `bytes` begins with; 0 when the bytes are a valid beginning that is not yet
/// whole (or empty); -1 when no continuation can make them valid. Surrogates, overlong forms and numbers above U+10FFFF
/// are refused once all their bytes are there, as sentencepiece's decoder does.
int utf8_length(std::string_view bytes) noexcept;

}  // namespace llava::core
