// Each scanner tries the alternatives of its expression in their order, as a backtracking matcher would.
#include "text/known_patterns.hpp"

#include "text/unicode.hpp"

namespace llava::core {

const std::string_view kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Char {
  CharClass kind = CharClass::other;
  uint32_t bytes = 0;  // 0 at the end of the text
  char32_t code = 0;
};

Char char_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const CodePoint point = code_point_at(text, at);
  return {char_class(point.code), point.bytes, point.code};
}

size_t run_end(std::string_view text, size_t at, CharClass kind) {
  for (Char next = char_at(text, at); next.bytes > 0 && next.kind == kind; next = char_at(text, at)) at += next.bytes;
  return at;
}

bool is_line_end(char32_t code) { return code == '\r' || code == '\n'; }

/// 's|'t|'re|'ve|'m|'ll|'d after the apostrophe at `at`; 0 when there is none of them.
size_t contraction_end(std::string_view text, size_t at, bool any_case) {
  const std::string_view rest = text.substr(at + 1, 2);
  if (any_case && rest == "\xC5\xBF") return at + 3;  // U+017F, a long s, is an s without case
  const auto letter = [&](size_t i) -> char {
    if (i >= rest.size()) return 0;
    return any_case && rest[i] >= 'A' && rest[i] <= 'Z' ? static_cast<char>(rest[i] + 32) : rest[i];
  };
  switch (letter(0)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return at + 2;
    case 'r':
    case 'v':
      return letter(1) == 'e' ? at + 3 : 0;
    case 'l':
      return letter(1) == 'l' ? at + 3 : 0;
    default:
      return 0;
  }
}

/// \s+(?!\S)|\s+ : a run of blanks without its last one where a word follows; all of it at the end or when it is one.
size_t blanks_end(std::string_view text, size_t at) {
  const size_t end = run_end(text, at, CharClass::space);
  if (end == text.size()) return end;
  const size_t last = previous_code_point(text, end);
  return last > at ? last : end;
}

size_t scan_gpt2(std::string_view text, size_t at) {
  const Char first = char_at(text, at);
  if (first.code == '\'')
    if (const size_t end = contraction_end(text, at, false)) return end;
  const Char second = first.code == ' ' ? char_at(text, at + 1) : Char{};
  if (second.bytes > 0 && second.kind != CharClass::space) return run_end(text, at + 1, second.kind);
  if (first.kind != CharClass::space) return run_end(text, at, first.kind);
  return blanks_end(text, at);
}

/// ` ?[^\s\p{L}\p{N}]+[\r\n]*` from the first of the signs.
size_t signs_end(std::string_view text, size_t at) {
  at = run_end(text, at, CharClass::other);
  while (at < text.size() && is_line_end(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

template <int kDigits>
size_t scan_cl100k(std::string_view text, size_t at) {
  const Char first = char_at(text, at);
  if (first.code == '\'')
    if (const size_t end = contraction_end(text, at, true)) return end;
  if (first.kind == CharClass::letter) return run_end(text, at, CharClass::letter);
  const Char second = char_at(text, at + first.bytes);
  const bool joins = first.kind != CharClass::number && !is_line_end(first.code);
  if (joins && second.bytes > 0 && second.kind == CharClass::letter)
    return run_end(text, at + first.bytes, CharClass::letter);
  if (first.kind == CharClass::number) {
    size_t end = at;
    for (int i = 0; i < kDigits; ++i) {
      const Char digit = char_at(text, end);
      if (digit.bytes == 0 || digit.kind != CharClass::number) break;
      end += digit.bytes;
    }
    return end;
  }
  if (first.kind == CharClass::other) return signs_end(text, at);
  if (first.code == ' ' && second.bytes > 0 && second.kind == CharClass::other) return signs_end(text, at + 1);
  const size_t end = run_end(text, at, CharClass::space);
  for (size_t i = end; i > at; --i)  // \s*[\r\n]+ : up to the last line end of the run
    if (is_line_end(static_cast<unsigned char>(text[i - 1]))) return i;
  return blanks_end(text, at);
}

}  // namespace

PatternScan known_pattern(std::string_view expression) {
  if (expression == kGpt2Pattern) return scan_gpt2;
  if (expression == kLlama3Pattern) return scan_cl100k<3>;
  if (expression == kQwen2Pattern) return scan_cl100k<1>;
  return nullptr;
}

}  // namespace llava::core
