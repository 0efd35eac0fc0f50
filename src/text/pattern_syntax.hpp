// The expressions of a tokenizer.json are written for Oniguruma's Ruby syntax; this lets through, in PCRE2's spelling,
// what both understand alike, and refuses the rest by name.
#pragma once

#include <string>
#include <string_view>

namespace llava::core {

/// The expression for PCRE2 (UTF, UCP, MULTILINE). `where` opens messages.
/// Throws Error(format) for what is cut short, Error(unsupported) as Pattern::regex() says.
std::string translate_pattern(std::string_view expression, const std::string& where);

}  // namespace llava::core
