// The tokenizer against the sentencepiece package (tests/golden/text/make_goldens.py), and its own promises.
#include "text/tokenizer.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "support/doctest.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

const nlohmann::json& goldens() {
  static const nlohmann::json all = read_json(kData + "/golden/text/goldens.json");
  return all;
}

std::string model_bytes() { return read_file(kData + "/golden/text/test_tokenizer.model"); }

}  // namespace

TEST_SUITE("text/tokenizer") {
  TEST_CASE("ids are those of the sentencepiece package") {
    const auto tokenizer = test_tokenizer();
    CHECK(tokenizer->size() == goldens()["pieces"].get<int>());
    CHECK(goldens()["encode"].size() >= 300);
    for (const auto& golden : goldens()["encode"]) {
      const auto text = golden["text"].get<std::string>();
      CAPTURE(text);
      CHECK(tokenizer->encode(text) == golden["ids"].get<std::vector<int32_t>>());
    }
  }

  TEST_CASE("decoded text is that of the sentencepiece package, for words, bytes and specials in any order") {
    const auto tokenizer = test_tokenizer();
    CHECK(goldens()["decode"].size() >= 400);
    for (const auto& golden : goldens()["decode"]) {
      const auto ids = golden["ids"].get<std::vector<int32_t>>();
      CAPTURE(golden.dump());
      CHECK(tokenizer->decode(ids) == golden["text"].get<std::string>());
    }
  }

  TEST_CASE("any text survives encoding and decoding") {
    const auto tokenizer = test_tokenizer();
    for (const auto& golden : goldens()["encode"]) {
      const auto text = golden["text"].get<std::string>();
      if (text.find("\xE2\x96\x81") != std::string::npos) continue;  // U+2581 is sentencepiece's blank
      CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
    }
  }

  TEST_CASE("spans cover the text in order") {
    const auto tokenizer = test_tokenizer();
    for (const auto& golden : goldens()["encode"]) {
      const auto text = golden["text"].get<std::string>();
      int64_t at = 0;
      for (const TokenSpan& token : tokenizer->encode_spans(text)) {
        CHECK(token.begin == at);
        CHECK(token.end >= token.begin);
        at = token.end;
      }
      CHECK(at == static_cast<int64_t>(text.size()));
    }
  }

  TEST_CASE("the special pieces are known") {
    const auto tokenizer = test_tokenizer();
    CHECK(tokenizer->unk() == 0);
    CHECK(tokenizer->bos() == 1);
    CHECK(tokenizer->eos() == 2);
    CHECK(tokenizer->pad() == -1);
    CHECK(tokenizer->piece(2) == "</s>");
    CHECK(tokenizer->special_id("</s>") == 2);
    CHECK(tokenizer->special_id("<0x0A>") == -1);
    CHECK(tokenizer->special_id("<image>") == -1);
    for (int32_t id = 0; id < tokenizer->size(); ++id) CHECK(tokenizer->is_special(id) == (id < 3));
  }

  TEST_CASE("an id outside the vocabulary is refused with the range") {
    const auto tokenizer = test_tokenizer();
    for (const int32_t id : {-1, -200, 900, 1 << 30}) {
      const auto error = error_of([&] { tokenizer->piece(id); });
      CHECK(error.status() == Status::argument);
      CHECK(error.message() == cat("token id ", id, ", this vocabulary has 0 to 899"));
      const int32_t one[] = {id};
      CHECK(error_of([&] { tokenizer->decode(one); }).status() == Status::argument);
    }
  }

  TEST_CASE("added tokens extend the ids, decode to nothing when special, and are never found in text") {
    const auto tokenizer = Tokenizer::from_bytes(
        model_bytes(), "test", {{900, "<image>", true}, {901, "<pad>", true}, {905, "<loc>", false}, {1, "<s>", true}});
    CHECK(tokenizer->size() == 906);
    CHECK(tokenizer->model_size() == 900);
    CHECK(tokenizer->pad() == 901);
    CHECK(tokenizer->special_id("<image>") == 900);
    CHECK(tokenizer->piece(900) == "<image>");
    CHECK(tokenizer->piece(903).empty());
    CHECK(tokenizer->is_special(903));
    CHECK_FALSE(tokenizer->is_special(905));
    const std::vector<int32_t> ids = {900, 265, 901, 903, 905, 265};
    CHECK(tokenizer->decode(ids) == "T<loc> T");  // 265 is "▁T"
    CHECK(tokenizer->encode("<image> <pad> <loc>") == test_tokenizer()->encode("<image> <pad> <loc>"));
  }

  TEST_CASE("an added token that contradicts the model is refused") {
    const auto refused = [](AddedToken token) {
      return error_of([&] { Tokenizer::from_bytes(model_bytes(), "t", {token}); });
    };
    CHECK(refused({1, "<bos>", true}).message() == "t: added token 1 is \"<bos>\", the model has \"<s>\" there");
    CHECK(refused({-1, "<x>", true}).status() == Status::format);
    CHECK(refused({1 << 22, "<x>", true}).status() == Status::format);
    CHECK(refused({900, "", true}).status() == Status::format);
    CHECK(refused({13, "<0x0A>", true}).status() == Status::format);
    CHECK(refused({900, std::string(513, 'x'), true}).status() == Status::format);
  }

  TEST_CASE("a missing file, a folder and a device are told apart") {
    CHECK(error_of([] { Tokenizer::from_file(kData + "/no/such.model"); }).status() == Status::not_found);
    CHECK(error_of([] { Tokenizer::from_file(kData); }).status() == Status::io);
    CHECK(error_of([] { Tokenizer::from_file("/dev/zero"); }).status() == Status::io);
  }

  TEST_CASE("text that is not UTF-8 becomes U+FFFD") {
    const auto tokenizer = test_tokenizer();
    CHECK(tokenizer->decode(tokenizer->encode("a\xFF\xC3z")) == "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  }

  TEST_CASE("a text of 1 MiB, with and without blanks, is encoded in seconds") {
    for (const std::string& word :
         {std::string("The red boat is near the water. "), std::string("abc"), std::string("\xF0\x9F\x98\x80")}) {
      std::string text;
      while (text.size() + word.size() <= 1 << 20) text += word;
      const auto begin = std::chrono::steady_clock::now();
      const auto ids = test_tokenizer()->encode(text);
      const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
      CHECK(test_tokenizer()->decode(ids) == text);
      CHECK(spent.count() < 60'000);  // a guard against quadratic time, wide enough for sanitizers on a busy machine
      MESSAGE("1 MiB of \"" << word << "\": " << spent.count() << " ms, " << ids.size() << " ids");
    }
  }

  TEST_CASE("a text above the limit is refused") {
    const std::string text((16 << 20) + 1, 'a');
    CHECK(error_of([&] { test_tokenizer()->encode(text); }).status() == Status::limit);
  }
}
