// Classes and normal forms of every code point against the reference's, and those of expressions that PCRE2 matches.
#include "text/unicode.hpp"

#include <array>
#include <cstdio>

#include "support/doctest.hpp"
#include "text/pattern.hpp"
#include "text/text_steps.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

const nlohmann::json& golden() {
  static const auto json = read_json(kData + "/golden/text/unicode.json");
  return json;
}

std::vector<bool> members(const char* name) {
  std::vector<bool> all(0x110000, false);
  std::istringstream ranges(golden()[name].get<std::string>());
  for (std::string range; ranges >> range;) {
    const size_t dash = range.find('-');
    const auto first = std::stoul(range.substr(0, dash), nullptr, 16);
    const auto last = dash == range.npos ? first : std::stoul(range.substr(dash + 1), nullptr, 16);
    for (auto code = first; code <= last; ++code) all[code] = true;
  }
  return all;
}

std::string utf8(char32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | (code >> 6)), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | (code >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (code >> 18)), tail(12), tail(6), tail(0)};
}

std::string join(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

bool is_surrogate(char32_t code) { return code >= 0xD800 && code < 0xE000; }

/// How many code points an expression of one class takes otherwise than the reference.
int64_t differences(const std::string& expression, const char* name) {
  const auto expected = members(name);
  const Pattern pattern = Pattern::regex(expression, "test");
  REQUIRE(!pattern.is_well_known());
  int64_t count = 0;
  for (char32_t first = 0; first < 0x110000; first += 0x1000) {
    std::string text;
    std::vector<char32_t> code_of;
    for (char32_t code = first; code < first + 0x1000; ++code) {
      if (is_surrogate(code)) continue;
      text += utf8(code);
      code_of.resize(text.size(), code);
    }
    std::vector<TextRange> matches;
    pattern.find_all(text, matches);
    std::vector<bool> taken(0x1000, false);
    for (const TextRange& match : matches)
      for (uint32_t at = match.begin; at < match.end; ++at) taken[code_of[at] - first] = true;
    for (const char32_t code : code_of)
      if (taken[code - first] != expected[code]) {
        ++count;
        taken[code - first] = expected[code];  // counted once
      }
  }
  return count;
}

}  // namespace

TEST_SUITE("text/unicode") {
  TEST_CASE("letters, numbers and blanks are the reference's, all of them") {
    const auto letters = members("letters"), numbers = members("numbers"), blanks = members("blanks");
    int64_t different = 0;
    for (char32_t code = 0; code < 0x110000; ++code) {
      if (is_surrogate(code)) continue;
      const CharClass expected = letters[code]   ? CharClass::letter
                                 : numbers[code] ? CharClass::number
                                 : blanks[code]  ? CharClass::space
                                                 : CharClass::other;
      if (char_class(code) != expected) ++different;
    }
    CHECK(different == 0);
    const auto words = members("word");
    for (char32_t code = 0; code < 0x10000; ++code)
      if (!is_surrogate(code) && code != 'Z' && is_word_char(code) != words[code]) ++different;
    CHECK(different == 0);
  }

  TEST_CASE("expressions that PCRE2 matches take the reference's letters and numbers") {
    const auto letters = differences(R"(\p{L})", "letters"), numbers = differences(R"([\p{N}])", "numbers");
    const auto blanks = differences(R"([\s])", "blanks"), marks = differences(R"(\p{M})", "marks");
    MESSAGE("code points of another class under PCRE2: " << letters << " letters, " << numbers << " numbers, " << blanks
                                                         << " blanks, " << marks << " marks");
    CHECK(letters + numbers + blanks + marks == 0);
  }

  TEST_CASE("NFC is the reference's for every code point before four marks") {
    const std::vector<NormalizerStep> steps(1);
    const std::array<std::string, 4> marks = {utf8(0x334), utf8(0x327), utf8(0x301), utf8(0x3099)};
    const auto expected = golden()["nfc"].get<std::string>();
    REQUIRE(expected.size() == 8 * 0x30);
    for (char32_t first = 0; first < 0x30000; first += 0x1000) {
      uint32_t value = 0x811C9DC5u;
      for (char32_t code = std::max<char32_t>(first, 0xA0); code < first + 0x1000; ++code) {
        if (is_surrogate(code)) continue;
        for (const std::string& mark : marks) {
          const auto text = normalize(AlignedText::original(join({"q", utf8(code), mark})), steps);
          for (const unsigned char byte : text.text()) value = (value ^ byte) * 0x01000193u;
        }
      }
      char digits[9];
      std::snprintf(digits, sizeof digits, "%08x", value);
      CAPTURE(first);
      CHECK(expected.substr(8 * (first / 0x1000), 8) == digits);
    }
  }

  TEST_CASE("Hangul and long runs of marks compose") {
    const auto nfc = [](std::initializer_list<std::string> parts) {
      return normalize(AlignedText::original(join(parts)), std::vector<NormalizerStep>(1)).text();
    };
    CHECK(nfc({utf8(0x1112), utf8(0x1161), utf8(0x11AB)}) == utf8(0xD55C));
    CHECK(nfc({utf8(0xD558), utf8(0x11AB)}) == utf8(0xD55C));
    CHECK(nfc({"e", utf8(0x323), utf8(0x302)}) == utf8(0x1EC7));
    CHECK(nfc({"e", utf8(0x302), utf8(0x323)}) == utf8(0x1EC7));
    CHECK(nfc({utf8(0x212B)}) == utf8(0xC5));
  }

  TEST_CASE("a place in a normalized text leads back to the original") {
    const auto text = normalize(AlignedText::original(join({"ae", utf8(0x301), "b"})), std::vector<NormalizerStep>(1));
    REQUIRE(text.text() ==
            "a\xC3\xA9"
            "b");
    CHECK(text.origin(1) == 1);
    CHECK(text.origin(2) == 1);  // within the composed character: its begin
    CHECK(text.origin(3) == 4);
    CHECK(text.origin(4) == 5);
  }
}
