// Blanks are told from their UTF-8 bytes; texts are valid UTF-8 here.
#include "data/python_text.hpp"

#include <algorithm>
#include <array>

namespace llava::core::python {
namespace {

/// Length of the blank at the start of a text, 0 where there is none.
size_t blank_at(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte == ' ' || (byte >= 0x09 && byte <= 0x0D) || (byte >= 0x1C && byte <= 0x1F)) return 1;
  if (byte < 0x80) return 0;
  constexpr std::array<std::string_view, 19> kWide = {
      "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
      "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
      "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
  const auto wide = std::find_if(kWide.begin(), kWide.end(), [&](auto blank) { return text.starts_with(blank); });
  return wide == kWide.end() ? 0 : wide->size();
}

/// Of the blank at the end.
size_t blank_before(std::string_view text) {
  for (size_t size = 1; size <= std::min<size_t>(3, text.size()); ++size)
    if (blank_at(text.substr(text.size() - size)) == size) return size;
  return 0;
}

}  // namespace

std::string_view strip(std::string_view text) {
  while (const auto size = blank_at(text)) text.remove_prefix(size);
  while (const auto size = blank_before(text)) text.remove_suffix(size);
  return text;
}

int64_t count_words(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  while (!text.empty()) {
    const auto blank = blank_at(text);
    if (!blank && !inside) ++words;
    inside = !blank;
    text.remove_prefix(blank ? blank : 1);
  }
  return words;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

std::string replace(std::string_view text, std::string_view old, std::string_view with) {
  std::string out;
  for (bool first = true; const auto part : split(text, old)) {
    if (!first) out += with;
    out += part;
    first = false;
  }
  return out;
}

}  // namespace llava::core::python
