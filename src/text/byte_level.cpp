#include "text/byte_level.hpp"

#include <array>
#include <charconv>

#include "text/unicode.hpp"
#include "text/utf8.hpp"

namespace llava::core {
namespace {

constexpr bool is_printable(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

struct Alphabet {
  std::array<char32_t, 256> chars{};
  std::array<int16_t, 324> bytes{};  // by character; the highest is U+0143

  constexpr Alphabet() {
    bytes.fill(-1);
    char32_t next = 256;  // the bytes without a character of their own take U+0100 and on
    for (int byte = 0; byte < 256; ++byte) {
      chars[byte] = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
      bytes[chars[byte]] = static_cast<int16_t>(byte);
    }
  }
};

constexpr Alphabet kAlphabet;

/// Length of the character `bytes` begins with; 0 when they are an unfinished one; else minus the length of the longest
/// beginning of a character.
int measure(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return -1;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (size_t i = 1; i < length; ++i) {
    if (i >= bytes.size()) return 0;
    unsigned char low = 0x80, high = 0xBF;  // the second byte excludes overlong forms, surrogates, above U+10FFFF
    if (i == 1 && lead == 0xE0) low = 0xA0;
    if (i == 1 && lead == 0xED) high = 0x9F;
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;
    if (at(i) < low || at(i) > high) return -static_cast<int>(i);
  }
  return static_cast<int>(length);
}

}  // namespace

int byte_of_char(char32_t code) noexcept { return code < kAlphabet.bytes.size() ? kAlphabet.bytes[code] : -1; }

std::string char_of_byte(uint8_t byte) {
  const char32_t code = kAlphabet.chars[byte];
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

std::optional<std::string> bytes_of_piece(std::string_view piece) {
  std::string bytes;
  bytes.reserve(piece.size());
  for (size_t at = 0; at < piece.size();) {
    const CodePoint point = code_point_at(piece, at);
    const int byte = byte_of_char(point.code);
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    at += point.bytes;
  }
  return bytes;
}

std::string byte_name(uint8_t byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte / 16], kDigits[byte % 16], '>'};
}

int byte_of_name(std::string_view piece) noexcept {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  int byte = 0;
  const auto result = std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  return result.ec == std::errc() && result.ptr == piece.data() + 5 ? byte : -1;
}

size_t append_lossy(std::string& out, std::string_view bytes, bool at_end) {
  size_t done = 0;
  while (done < bytes.size()) {
    const std::string_view rest = bytes.substr(done);
    const int length = measure(rest);
    if (length > 0) {
      out.append(rest.substr(0, static_cast<size_t>(length)));
      done += static_cast<size_t>(length);
    } else if (length < 0) {
      out.append(kReplacementCharacter);
      done += static_cast<size_t>(-length);
    } else if (at_end) {
      out.append(kReplacementCharacter);
      done = bytes.size();
    } else {
      break;
    }
  }
  return done;
}

}  // namespace llava::core
