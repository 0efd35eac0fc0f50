// Strict base64 out of data URIs.
#include "image/data_uri.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"

namespace llava::core {
namespace {

constexpr uint8_t kNoDigit = 64;

constexpr std::array<uint8_t, 256> digit_table() {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<uint8_t, 256> table{};
  table.fill(kNoDigit);
  for (size_t i = 0; i < kDigits.size(); ++i) table[static_cast<uint8_t>(kDigits[i])] = static_cast<uint8_t>(i);
  return table;
}
constexpr auto kDigitOf = digit_table();

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view text, std::string_view lower_word) {
  return std::equal(text.begin(), text.end(), lower_word.begin(), lower_word.end(),
                    [](char a, char b) { return lower(a) == b; });
}

[[noreturn]] void refuse(const std::string& text) { throw Error(Status::format, cat("data URI: ", text)); }

/// The scheme in front of the first colon, if it looks like one.
std::string_view scheme_of(std::string_view uri) {
  const auto end = uri.substr(0, 32).find(':');
  return end == std::string_view::npos ? std::string_view() : uri.substr(0, end);
}

std::string_view payload_of(std::string_view uri) {
  const auto scheme = scheme_of(uri);
  if (scheme.empty()) refuse("it does not begin with a scheme; data:image/...;base64,... expected");
  if (!same_word(scheme, "data")) {
    for (const auto c : scheme) {
      if (!((lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))
        refuse("it does not begin with a scheme; data:image/...;base64,... expected");
    }
    throw Error(Status::unsupported, cat("data URI: addresses of kind ", scheme, ": are not fetched; data: expected"));
  }
  const auto comma = uri.find(',');
  if (comma == std::string_view::npos) refuse("there is no comma");
  constexpr std::string_view kBase64 = ";base64";
  const auto head = uri.substr(0, comma);
  if (head.size() < kBase64.size() || !same_word(head.substr(head.size() - kBase64.size()), kBase64)) {
    throw Error(Status::unsupported, "data URI: only base64 is read; ;base64 expected before the comma");
  }
  return uri.substr(comma + 1);
}

uint32_t group_value(std::string_view group, size_t digits, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const auto digit = i < digits ? kDigitOf[static_cast<uint8_t>(group[i])] : uint8_t{0};
    if (digit == kNoDigit) refuse(cat("byte ", at + i, " of the base64 text is no base64 digit"));
    value = value << 6 | digit;
  }
  return value;
}

}  // namespace

std::vector<uint8_t> decode_data_uri(std::string_view uri, int64_t max_bytes) {
  const auto text = payload_of(uri);
  if (text.empty()) refuse("there are no data behind the comma");
  if (text.size() % 4 != 0) refuse(cat("base64 text of ", text.size(), " bytes, a multiple of 4 expected"));
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const auto size = text.size() / 4 * 3 - padding;
  if (std::cmp_greater(size, max_bytes)) {
    throw Error(Status::limit, cat("data URI: ", size, " bytes, at most ", max_bytes, " allowed"))
        .with("found", static_cast<int64_t>(size))
        .with("allowed", max_bytes);
  }
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    const auto digits = at + 4 == text.size() ? 4 - padding : size_t{4};
    const auto value = group_value(text.substr(at, 4), digits, at);
    if ((digits == 3 && (value & 0xFF)) || (digits == 2 && (value & 0xFFFF)))
      refuse("the last base64 group has stray bits");
    for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace llava::core
