// UTF-8 against an encoder: what it makes is valid, everything else is not.
#include "base/utf8.hpp"

#include <set>

#include "support/doctest.hpp"

using namespace llava::core;

namespace {

std::string encoded(uint32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | (code >> 6)), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | (code >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (code >> 18)), tail(12), tail(6), tail(0)};
}

bool is_scalar(uint32_t code) { return code < 0xD800 || (code >= 0xE000 && code <= 0x10FFFF); }

}  // namespace

TEST_SUITE("base/utf8") {
  TEST_CASE("every scalar value is valid, surrogates and what lies above are not") {
    for (uint32_t code = 0; code < 0x120000; ++code)
      if (valid_utf8(encoded(code)) != is_scalar(code)) FAIL_CHECK(code);
  }

  TEST_CASE("of all two-byte texts and a grid of three bytes only those an encoder makes are valid") {
    std::set<std::string> made;
    for (uint32_t code = 0; code < 0x10000; ++code)
      if (is_scalar(code)) made.insert(encoded(code));
    const auto expected = [&](const std::string& text) {
      for (size_t split = 0; split <= text.size(); ++split) {  // one sequence, or two texts of fewer bytes
        if (split == 0 && made.count(text)) return true;
        if (split == 1 && made.count(text.substr(0, 1)) && valid_utf8(text.substr(1))) return true;
        if (split == 2 && text.size() == 3 && made.count(text.substr(0, 2)) && made.count(text.substr(2))) return true;
      }
      return false;
    };
    for (int a = 0; a < 256; ++a)
      for (int b = 0; b < 256; ++b) {
        const std::string two = {static_cast<char>(a), static_cast<char>(b)};
        if (valid_utf8(two) != expected(two)) FAIL_CHECK(two);
        for (int c : {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF}) {
          const auto three = two + static_cast<char>(c);
          if (valid_utf8(three) != expected(three)) FAIL_CHECK(three);
        }
      }
  }

  TEST_CASE("the first bad byte is named, wherever it lies") {
    for (size_t before = 0; before < 40; ++before) {
      size_t bad = 0;
      CHECK_FALSE(valid_utf8(std::string(before, 'a') + "\xC3" + std::string(9, 'b'), &bad));
      CHECK(bad == before);
    }
    size_t bad = 0;
    CHECK_FALSE(valid_utf8("é\xF0\x9F\xA6", &bad));
    CHECK(bad == 2);
  }

  TEST_CASE("an unfinished tail is counted while it can still be completed") {
    const std::string llama = "🦙";
    for (size_t n = 1; n < 4; ++n) CHECK(incomplete_utf8_tail("ab" + llama.substr(0, n)) == n);
    CHECK(incomplete_utf8_tail("") == 0);
    CHECK(incomplete_utf8_tail("ab") == 0);
    CHECK(incomplete_utf8_tail(llama) == 0);
    CHECK(incomplete_utf8_tail("\x80") == 0);
    CHECK(incomplete_utf8_tail("\xE0\x80") == 0);      // overlong: nothing can complete it
    CHECK(incomplete_utf8_tail("\xED\xA0") == 0);      // a surrogate
    CHECK(incomplete_utf8_tail("\xF4\x90\x80") == 0);  // above U+10FFFF
    CHECK(incomplete_utf8_tail("\xC1") == 0);
    CHECK(incomplete_utf8_tail("\xC3") == 1);
  }

  TEST_CASE("clipping does not cut a character, printing escapes what is no text") {
    CHECK(clip_utf8("aé🦙", 100) == "aé🦙");
    CHECK(clip_utf8("aé🦙", 6) == "aé");
    CHECK(clip_utf8("aé🦙", 2) == "a");
    CHECK(clip_utf8("é", 0) == "");
    CHECK(printable("a\"b\\c\n\x7f\xff é🦙") == "a\\x22b\\x5cc\\x0a\\x7f\\xff é🦙");
    CHECK(repaired_utf8("a\"é\n🦙") == "a\"é\n🦙");
    CHECK(repaired_utf8("\xff"
                        "a\xE2\x82"
                        "b\xC3") == "\\xffa\\xe2\\x82b\\xc3");
    CHECK(printable(std::string(500, 'x')).size() == 120 + 3);
  }
}
