// Streaming against the whole: joined pieces are the decoded text, and no piece ends inside a character.
#include "text/detokenizer.hpp"

#include <random>

#include "base/utf8.hpp"
#include "support/doctest.hpp"
#include "text/utf8.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

TEST_SUITE("text/detokenizer") {
  TEST_CASE("joined pieces are the decoded text") {
    const auto tokenizer = test_tokenizer();
    const auto goldens = read_json(kData + "/golden/text/goldens.json");
    for (const auto& golden : goldens["decode"]) {
      Detokenizer words(tokenizer);
      std::string text;
      for (const auto id : golden["ids"].get<std::vector<int32_t>>()) {
        const std::string piece = words.push(id);
        CHECK(valid_utf8(piece));
        text += piece;
      }
      text += words.flush();
      CHECK(text == golden["text"].get<std::string>());
    }
  }

  TEST_CASE("a character of four byte tokens comes whole, with its last byte") {
    const auto tokenizer = test_tokenizer();
    Detokenizer words(tokenizer);
    const auto ids = tokenizer->encode("\xF0\x9F\x98\x80");  // U+1F600 is not a piece: a blank and four bytes
    REQUIRE(ids.size() == 5);
    for (size_t i = 0; i < 4; ++i) CHECK(words.push(ids[i]).empty());
    CHECK(words.push(ids[4]) == "\xF0\x9F\x98\x80");
    CHECK(words.flush().empty());
  }

  TEST_CASE("the blank of the first word is dropped, or kept where the text goes on") {
    const auto tokenizer = test_tokenizer();
    const auto ids = tokenizer->encode("The boat");
    Detokenizer fresh(tokenizer);
    CHECK(fresh.push(ids[0]) == "The");
    CHECK(fresh.push(ids[1]) == " boat");
    Detokenizer going_on(tokenizer, false);
    CHECK(going_on.push(ids[0]) == " The");
  }

  TEST_CASE("bytes that never become a character are U+FFFD at the end") {
    const auto tokenizer = test_tokenizer();
    Detokenizer words(tokenizer);
    CHECK(words.push(3 + 0xE4).empty());
    CHECK(words.push(3 + 0xB8).empty());
    CHECK(words.flush() == "\xEF\xBF\xBD\xEF\xBF\xBD");
  }

  TEST_CASE("after flush there is no more") {
    Detokenizer words(test_tokenizer());
    words.flush();
    CHECK(error_of([&] { words.push(300); }).status() == Status::state);
  }

  TEST_CASE("code points are measured as RFC 3629 says") {
    CHECK(utf8_length("a") == 1);
    CHECK(utf8_length("\xC3\xA9") == 2);
    CHECK(utf8_length("\xE2\x96\x81z") == 3);
    CHECK(utf8_length("\xF0\x9F\x98\x80") == 4);
    CHECK(utf8_length("") == 0);
    CHECK(utf8_length("\xF0\x9F\x98") == 0);
    for (const char* bad : {"\x80", "\xC0\x80", "\xC3z", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                            "\xF4\x90\x80\x80", "\xF8\x88\x80\x80", "\xFF"})
      CHECK(utf8_length(bad) == -1);
  }
}
