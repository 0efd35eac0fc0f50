// Bytes as tokens: the alphabet of byte-level tokenizers (a printable character for each byte, as GPT-2 chose them),
// the names of byte fallback, and bytes back to text the way Rust's from_utf8_lossy does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llava::core {

/// The byte that a character of the alphabet stands for, -1 for other characters.
int byte_of_char(char32_t code) noexcept;

/// "Ġ" for 0x20, in UTF-8.
std::string char_of_byte(uint8_t byte);

/// The bytes a piece stands for ("Ġthe" -> " the"); nullopt when one of its characters is outside the alphabet.
std::optional<std::string> bytes_of_piece(std::string_view piece);

/// "<0x0A>" for 10: how models with byte fallback spell a byte.
std::string byte_name(uint8_t byte);

/// The byte that such a name means, with digits of either case; -1 for other pieces.
int byte_of_name(std::string_view piece) noexcept;

/// Appends what is certain of `bytes`: characters, and one U+FFFD for each longest beginning of a character that does
/// not go on as one. An unfinished character at the end waits unless `at_end`. Returns how many bytes are done.
size_t append_lossy(std::string& out, std::string_view bytes, bool at_end);

}  // namespace llava::core
