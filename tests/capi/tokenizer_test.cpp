// Words, ids, prompts.
#include <algorithm>

#include "fixture.hpp"

namespace {

std::vector<int32_t> ids_of(const char* text, int32_t flags = 0) {
  size_t count = 0;
  REQUIRE(llava_tokenize(fixture().model, text, flags, nullptr, 0, &count) == LLAVA_OK);
  std::vector<int32_t> ids(count);
  REQUIRE(llava_tokenize(fixture().model, text, flags, ids.data(), ids.size(), &count) == LLAVA_OK);
  return ids;
}

std::string text_of(const std::vector<int32_t>& ids, int32_t flags = 0) {
  llava_string* text = nullptr;
  REQUIRE(llava_detokenize(fixture().model, ids.data(), ids.size(), flags, &text) == LLAVA_OK);
  return take(text);
}

std::string special(int32_t kind) {
  int32_t id = -1;
  llava_string* text = nullptr;
  REQUIRE(llava_special_token(fixture().model, kind, &id) == LLAVA_OK);
  REQUIRE(llava_token_text(fixture().model, id, &text) == LLAVA_OK);
  return take(text);
}

}  // namespace

TEST_SUITE("capi/tokenizer") {
  TEST_CASE("text comes back from its ids") {
    for (const char* text : {"hello", "a b  c", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xB1 cat", "</s> <image> USER:"})
      CHECK(text_of(ids_of(text)) == text);
    CHECK(ids_of("hi", LLAVA_TOKENIZE_BOS).size() == ids_of("hi").size() + 1);
    CHECK(ids_of("").empty());
  }

  TEST_CASE("special names in a text stay plain text") {
    int32_t eos = -1;
    REQUIRE(llava_special_token(fixture().model, LLAVA_TOKEN_EOS, &eos) == LLAVA_OK);
    CHECK(special(LLAVA_TOKEN_EOS) == "</s>");
    CHECK(special(LLAVA_TOKEN_BOS) == "<s>");
    for (const int32_t id : ids_of("<s></s><image>")) CHECK(id > 2);
    CHECK(text_of({1, 2}) == "");
    CHECK(text_of({1, 2}, LLAVA_DETOKENIZE_SPECIAL) == "<s></s>");
  }

  TEST_CASE("a text may hold NUL when its length is given") {
    size_t count = 0;
    CHECK(llava_tokenize_n(fixture().model, "a\0b", 3, 0, nullptr, 0, &count) == LLAVA_OK);
    CHECK(count >= 3);
    CHECK(llava_tokenize_n(fixture().model, nullptr, 0, 0, nullptr, 0, &count) == LLAVA_OK);
    CHECK(count == 0);
  }

  TEST_CASE("a decoder never gives half a character, and refuses tokens after its end") {
    const std::string text = "\xF0\x9F\x90\xB1\xC3\xA4 end";
    Owned<llava_decoder> decoder(fixture().fresh(fixture().decoder));
    std::string all;
    const char* piece = nullptr;
    size_t size = 0;
    for (const int32_t id : ids_of(text.c_str())) {
      REQUIRE(llava_decoder_push(decoder, id, &piece, &size) == LLAVA_OK);
      CHECK((size == 0 || (static_cast<unsigned char>(piece[0]) & 0xC0) != 0x80));
      all.append(piece, size);
    }
    REQUIRE(llava_decoder_flush(decoder, &piece, &size) == LLAVA_OK);
    all.append(piece, size);
    CHECK(all == text);
    CHECK(llava_decoder_push(decoder, 5, &piece, &size) == LLAVA_ERR_STATE);
    CHECK(llava_decoder_flush(decoder, &piece, &size) == LLAVA_ERR_STATE);
  }

  TEST_CASE("a prompt is built from parts") {
    auto& f = fixture();
    Owned<llava_message> message;
    REQUIRE(llava_message_create(LLAVA_ROLE_USER, message.out()) == LLAVA_OK);
    REQUIRE(llava_message_add_image(message, f.image) == LLAVA_OK);
    REQUIRE(llava_message_add_text(message, "typed <image>") == LLAVA_OK);
    const llava_message* const list[] = {message};
    size_t count = 0;
    REQUIRE(llava_prompt_ids(f.model, list, 1, nullptr, nullptr, 0, &count) == LLAVA_OK);
    std::vector<int32_t> ids(count);
    REQUIRE(llava_prompt_ids(f.model, list, 1, nullptr, ids.data(), ids.size(), &count) == LLAVA_OK);
    CHECK(std::count(ids.begin(), ids.end(), LLAVA_IMAGE_TOKEN) == 1);
    int64_t tokens = 0;
    REQUIRE(llava_count_tokens(f.model, list, 1, &tokens) == LLAVA_OK);
    CHECK(tokens == static_cast<int64_t>(ids.size()) - 1 + 9);
    llava_string* text = nullptr;
    auto options = defaults<llava_template_options>();
    options.system = "Be brief.";
    options.template_name = "llava_v1";
    REQUIRE(llava_apply_template(f.model, list, 1, &options, &text) == LLAVA_OK);
    const auto written = take(text);
    CHECK(written.rfind("Be brief.", 0) == 0);
    CHECK(written.find("ASSISTANT:") != std::string::npos);
    options.template_name = "no such template";
    CHECK(llava_apply_template(f.model, list, 1, &options, &text) == LLAVA_ERR_NOT_FOUND);
  }

  TEST_CASE("the template none takes parts as they are after one begin mark") {
    auto& f = fixture();
    auto options = defaults<llava_template_options>();
    options.template_name = "none";
    size_t count = 0;
    REQUIRE(llava_prompt_ids(f.model, f.message_list, 1, &options, nullptr, 0, &count) == LLAVA_OK);
    CHECK(count == ids_of("What is this?").size() + 1);
  }

  TEST_CASE("templates are listed by name") {
    bool v1 = false;
    for (int32_t i = 0; i < llava_template_count(); ++i) v1 |= std::string(llava_template_name(i)) == "llava_v1";
    CHECK(v1);
    CHECK(std::string(llava_template_name(-1)).empty());
    CHECK(std::string(llava_template_name(llava_template_count())).empty());
  }
}
