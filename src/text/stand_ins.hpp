// PCRE2 may know an older Unicode than the reference (14 against 16 in Debian 12): to it, newer letters are nothing.
#pragma once

#include <string>
#include <string_view>

namespace llava::core {

/// The text as PCRE2 is to see it: a code point that PCRE2 does not know is replaced by one of the same general
/// category and the same number of bytes, so that offsets are those of the text. False when there is nothing to
/// replace.
bool put_stand_ins(std::string_view text, std::string& shown);

}  // namespace llava::core
