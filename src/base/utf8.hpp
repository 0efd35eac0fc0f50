// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace llava::core {

/// False with the offset of the first byte that cannot stand there (`bad_offset` may be NULL). A sequence cut at the
/// end of the text counts as bad, at its first byte.
bool valid_utf8(std::string_view text, size_t* bad_offset = nullptr) noexcept;

/// Length, 0..3, of the unfinished sequence at the end of a text, whose next bytes may complete it. A stream of pieces
/// holds these bytes back. 0 when the end is complete or cannot be completed.
size_t incomplete_utf8_tail(std::string_view text) noexcept;

/// The longest beginning of `text` of at most `max_bytes` that does not cut a sequence.
std::string_view clip_utf8(std::string_view text, size_t max_bytes) noexcept;

/// The text with every byte that is not UTF-8 written as in \xff, all else as it is.
std::string repaired_utf8(std::string_view text);

/// The text with every byte that is not UTF-8, every control character, quote and backslash written as in \x1f: for
/// names from outside that enter a message.
std::string printable(std::string_view text, size_t max_bytes = 120);

}  // namespace llava::core
