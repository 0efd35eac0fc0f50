// UTF-8 checks by a table of lead bytes (The Unicode Standard, table 3-7).
#include "base/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace llava::core {
namespace {

struct Lead {
  size_t length;   // 0: cannot lead
  uint8_t lo, hi;  // bounds of the second byte
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};  // continuation, or an overlong form of two bytes
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};  // above: surrogates
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

uint8_t at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// how many bytes from `begin` on fit one sequence: its whole length, or less where the text ends or a byte is wrong
size_t matched(std::string_view text, size_t begin, const Lead& lead) {
  size_t n = 1;
  for (; n < lead.length && begin + n < text.size(); ++n) {
    const auto byte = at(text, begin + n);
    if (byte < (n == 1 ? lead.lo : 0x80) || byte > (n == 1 ? lead.hi : 0xBF)) break;
  }
  return n;
}

std::string escaped(uint8_t byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

bool valid_utf8(std::string_view text, size_t* bad_offset) noexcept {
  for (size_t i = 0; i < text.size();) {
    uint64_t eight;
    while (i + sizeof eight <= text.size()) {  // most of what is read is ASCII
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if (eight & 0x8080808080808080u) break;
      i += sizeof eight;
    }
    if (i == text.size()) break;
    const auto lead = lead_of(at(text, i));
    if (!lead.length || matched(text, i, lead) != lead.length) {
      if (bad_offset) *bad_offset = i;
      return false;
    }
    i += lead.length;
  }
  return true;
}

size_t incomplete_utf8_tail(std::string_view text) noexcept {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const size_t begin = text.size() - back;
    const auto lead = lead_of(at(text, begin));
    if (!lead.length && at(text, begin) >= 0x80 && at(text, begin) < 0xC0) continue;  // a continuation: look further
    return lead.length > back && matched(text, begin, lead) == back ? back : 0;
  }
  return 0;
}

std::string_view clip_utf8(std::string_view text, size_t max_bytes) noexcept {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > 0 && (at(text, end) & 0xC0) == 0x80 && max_bytes - end < 3) --end;
  return text.substr(0, end);
}

std::string repaired_utf8(std::string_view text) {
  std::string out;
  for (size_t bad = 0; !text.empty(); text.remove_prefix(bad + 1)) {
    if (valid_utf8(text, &bad)) return out.append(text);
    out.append(text.substr(0, bad)).append(escaped(at(text, bad)));
  }
  return out;
}

std::string printable(std::string_view text, size_t max_bytes) {
  std::string out;
  size_t i = 0;
  while (i < text.size() && out.size() < max_bytes) {
    const auto byte = at(text, i);
    const auto lead = lead_of(byte);
    if (byte >= 0x20 && byte != 0x7F && byte != '"' && byte != '\\' && lead.length &&
        matched(text, i, lead) == lead.length) {
      out.append(text, i, lead.length);
      i += lead.length;
    } else {
      out += escaped(byte);
      ++i;
    }
  }
  return i < text.size() ? out + "…" : out;
}

}  // namespace llava::core
