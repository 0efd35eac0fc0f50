// What byte-level tokenizers need to know of a code point: its class in their patterns, and the canonical normal form.
// The data is utf8proc's (Unicode 15.0 in Debian 12), corrected where the reference differs: `tokenizers` 0.22 splits
// by Oniguruma's Unicode 16 and composes by tables of Unicode 9, and ids have to be equal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace llava::core {

enum class CharClass : uint8_t { letter, number, space, other };  // \p{L}, \p{N}, \s, everything else

CharClass char_class(char32_t code) noexcept;

/// utf8proc's number of the general category; letters, numbers and marks that utf8proc does not know yet are Lo, Nd,
/// Mn.
int general_category(char32_t code) noexcept;

/// \w of Rust's regex crate: alphabetic, marks, decimal digits, connectors, joiners.
bool is_word_char(char32_t code) noexcept;

struct CodePoint {
  char32_t code = 0;
  uint32_t bytes = 1;
};

/// The code point that begins at `at` < text.size(); the text is valid UTF-8.
CodePoint code_point_at(std::string_view text, size_t at) noexcept;

/// The offset where the last code point before `end` > 0 begins.
size_t previous_code_point(std::string_view text, size_t end) noexcept;

/// One code point of a text and the bytes [begin, end) of the original that it came from.
struct PlacedCode {
  char32_t code = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
};

/// True when NFC never changes this code point and never joins it with one before it.
bool starts_nfc(char32_t code) noexcept;

/// Canonical decomposition, canonical order and composition of one run, in place; O(n log n) whatever the marks are.
/// The bytes of joined code points are joined.
void compose_nfc(std::vector<PlacedCode>& run);

}  // namespace llava::core
