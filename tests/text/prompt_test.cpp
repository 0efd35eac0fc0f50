// Prompts: the hand-written texts of every template (templates.json), their ids after the original's chunk rule
// (goldens.json), image places, learned tokens, and how a prompt grows from turn to turn.
#include "text/prompt.hpp"

#include <random>

#include "support/doctest.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

const nlohmann::json& rows() {
  static const nlohmann::json all = read_json(kData + "/golden/text/templates.json");
  return all;
}

Conversation two_turns(bool closed) {
  Conversation conversation{
      std::nullopt, {user({Part::image(), Part::words("What is this?")}), assistant("A red hydrant."), user("Why?")}};
  if (closed) conversation.messages.push_back(assistant("Snow fell."));
  return conversation;
}

Prompt prompt_of(const std::string& key, const Conversation& conversation, bool open = true) {
  return build_prompt(*test_tokenizer(), find_template(key), conversation, {open});
}

/// The learned tokens as text, marks by name; a stretch that opens a run loses its blank, as decoding does.
std::string learned_text(const Prompt& prompt) {
  const auto tokenizer = test_tokenizer();
  std::string text;
  for (size_t i = 0; i < prompt.ids.size(); ++i) {
    if (prompt.learned[i] == 0) continue;
    const auto id = static_cast<int32_t>(prompt.ids[i]);
    const bool opens = i == 0 || prompt.ids[i - 1] == kImageToken;
    const std::vector<int32_t> one = {id};
    std::string piece =
        tokenizer->is_special(id) ? std::string(tokenizer->piece(id)) : Detokenizer(tokenizer, opens).push(id);
    if (tokenizer->piece(id).starts_with("<0x")) piece = tokenizer->decode(one);
    text += piece;
  }
  return text;
}

}  // namespace

TEST_SUITE("text/prompt") {
  TEST_CASE("every template renders as written by hand") {
    for (const Template& row : templates()) {
      const std::string key(row.key);
      CAPTURE(key);
      REQUIRE(rows()["rows"].contains(key));
      CHECK(render(row, two_turns(false), true) == rows()["rows"][key]["open"].get<std::string>());
      CHECK(render(row, two_turns(true), false) == rows()["rows"][key]["closed"].get<std::string>());
      const Conversation with_system{rows()["system"].get<std::string>(), {user("Why?")}};
      CHECK(render(row, with_system, true) == rows()["with_system"][key].get<std::string>());
    }
    CHECK(rows()["rows"].size() == templates().size());
  }

  TEST_CASE("ids follow the chunk rule for every template") {
    const auto goldens = read_json(kData + "/golden/text/goldens.json");
    for (const Template& row : templates()) {
      const std::string key(row.key);
      CAPTURE(key);
      const Prompt open = prompt_of(key, two_turns(false));
      CHECK(open.ids == goldens["prompts"][key]["open"].get<std::vector<int64_t>>());
      CHECK(open.images == 1);
      CHECK(open.text == rows()["rows"][key]["open"].get<std::string>());
      CHECK(prompt_of(key, two_turns(true), false).ids ==
            goldens["prompts"][key]["closed"].get<std::vector<int64_t>>());
    }
  }

  TEST_CASE("the learned tokens are the assistant's words and end marks") {
    for (const Template& row : templates()) {
      const std::string key(row.key);
      CAPTURE(key);
      const Prompt prompt = prompt_of(key, two_turns(true), false);
      REQUIRE(prompt.learned.size() == prompt.ids.size());
      CHECK(learned_text(prompt) == rows()["rows"][key]["learned"].get<std::string>());
    }
  }

  TEST_CASE("image and text stand in the order of the parts, a line break between them") {
    const auto text = [](std::vector<Part> parts) {
      return render(find_template("vicuna_v1"), {"", {user(std::move(parts))}}, true);
    };
    const Part picture = Part::image(), words = Part::words("What?");
    CHECK(text({picture, words}) == "USER: <image>\nWhat? ASSISTANT:");
    CHECK(text({words, picture}) == "USER: What?\n<image> ASSISTANT:");
    CHECK(text({picture, picture, words}) == "USER: <image>\n<image>\nWhat? ASSISTANT:");
    CHECK(text({words, picture, words}) == "USER: What?\n<image>\nWhat? ASSISTANT:");
    CHECK(text({picture}) == "USER: <image>\n ASSISTANT:");
    CHECK(text({words, words}) == "USER: What?What? ASSISTANT:");
    CHECK(text({Part::words(""), picture, Part::words("")}) == "USER: <image>\n ASSISTANT:");
    CHECK(text({}) == "USER:  ASSISTANT:");
  }

  TEST_CASE("the template of Hugging Face puts images first and a blank behind each text") {
    const auto text = [](std::vector<Part> parts) {
      return render(find_template("hf"), {std::nullopt, {user(std::move(parts))}}, true);
    };
    CHECK(text({Part::words("What?"), Part::image()}) == "USER: <image>\nWhat? ASSISTANT:");
    CHECK(text({Part::words("a"), Part::image(), Part::words("b"), Part::image()}) ==
          "USER: <image>\n<image>\na b ASSISTANT:");
    CHECK(text({Part::image()}) == "USER: <image>\nASSISTANT:");
  }

  TEST_CASE("a system message is the system text") {
    const Conversation conversation{std::nullopt, {{Role::system, {Part::words("Be brief.")}}, user("Why?")}};
    CHECK(render(find_template("v1"), conversation, true) == "Be brief. USER: Why? ASSISTANT:");
  }

  TEST_CASE("raw ids stand where they are, and an end mark they bring is not doubled") {
    const auto tokenizer = test_tokenizer();
    Conversation conversation{"", {user("Why?"), {Role::assistant, {Part::raw({400, 401})}}, user("So?")}};
    const auto once = prompt_of("v1", conversation);
    conversation.messages[1].parts[0].ids.push_back(tokenizer->eos());
    CHECK(prompt_of("v1", conversation).ids == once.ids);
    auto expected = wide(tokenizer->encode("USER: Why? ASSISTANT:"));
    expected.insert(expected.begin(), 1);
    expected.insert(expected.end(), {400, 401, 2});
    for (const auto id : tokenizer->encode("USER: So? ASSISTANT:")) expected.push_back(id);
    CHECK(once.ids == expected);
    const Conversation places{"", {user({Part::raw({5, kImageToken, kImageToken, 6})})}};
    for (const char* key : {"v1", "llama_2", "hf", "plain"}) {  // a raw turn: nothing stands around it
      CHECK(prompt_of(key, places).ids == std::vector<int64_t>{5, kImageToken, kImageToken, 6});
      CHECK(prompt_of(key, places).images == 2);
    }
    CHECK(prompt_of("none", places).ids == std::vector<int64_t>{1, 5, kImageToken, kImageToken, 6});
    const Conversation raw_chat{
        std::nullopt, {user({Part::raw({1, 5})}), {Role::assistant, {Part::raw({6, 2})}}, user({Part::raw({7})})}};
    CHECK(prompt_of("v1", raw_chat).ids == std::vector<int64_t>{1, 5, 6, 2, 7});
    for (const int64_t id : {int64_t{-1}, int64_t{900}, int64_t{1} << 40})
      CHECK(error_of([&] { prompt_of("none", {"", {user({Part::raw({id})})}}); }).status() == Status::argument);
  }

  TEST_CASE("a prompt grows by exactly the ids of the answer and the next turn") {
    const auto tokenizer = test_tokenizer();
    const auto goldens = read_json(kData + "/golden/text/goldens.json");
    std::mt19937 random(3);
    int64_t grown = 0;
    for (const char* key : {"vicuna_v1", "llava_v1", "v1_mmtag"}) {
      for (int round = 0; round < 60; ++round) {
        Conversation conversation{std::nullopt, {user({Part::image(), Part::words("What is this?")})}};
        for (int turn = 0; turn < 3; ++turn) {
          const auto open = prompt_of(key, conversation).ids;
          const auto& golden = goldens["encode"][random() % goldens["encode"].size()];
          conversation.messages.push_back(assistant(golden["text"].get<std::string>()));
          const auto closed = prompt_of(key, conversation, false).ids;
          conversation.messages.push_back(user("And then?"));
          const auto next = prompt_of(key, conversation).ids;
          REQUIRE(closed.size() > open.size());
          CHECK(closed.back() == tokenizer->eos());
          CHECK(std::equal(open.begin(), open.end(), closed.begin()));
          CHECK(std::equal(closed.begin(), closed.end(), next.begin()));
          Conversation from_ids = conversation;  // the same with the answer as the ids that were generated
          from_ids.messages[from_ids.messages.size() - 2].parts = {
              Part::raw({closed.begin() + static_cast<int64_t>(open.size()), closed.end()})};
          CHECK(prompt_of(key, from_ids).ids == next);
          ++grown;
        }
      }
    }
    MESSAGE("turns grown: " << grown);
  }

  TEST_CASE("marks are special ids where the tokenizer has them") {
    const auto plain = test_tokenizer();
    const auto bytes = read_file(kData + "/golden/text/test_tokenizer.model");
    const auto tokenizer =
        Tokenizer::from_bytes(bytes, "test", {{900, "<|im_start|>", true}, {901, "<|im_end|>", true}});
    const auto& row = find_template("chatml_direct");
    const Conversation conversation{std::nullopt, {user("Hi <|im_end|>")}};
    std::vector<int64_t> expected = {1, 900};
    const auto add = [&](const std::string& text, int64_t mark) {
      for (const auto id : plain->encode(text)) expected.push_back(id);
      if (mark > 0) expected.push_back(mark);
    };
    add("system\nAnswer the questions.", 901);
    expected.push_back(900);
    add("user\nHi <|im_end|>", 901);
    expected.push_back(900);
    add("assistant\n", 0);
    CHECK(build_prompt(*tokenizer, row, conversation).ids == expected);
    CHECK(stop_ids(*tokenizer, row) == std::vector<int32_t>{2, 901});
    CHECK(stop_ids(*plain, row) == std::vector<int32_t>{2});
  }

  TEST_CASE("conversations that no template can write are refused") {
    const auto refused = [](Conversation conversation, bool open = true) {
      return error_of([&] { prompt_of("v1", conversation, open); }).status();
    };
    CHECK(refused({std::nullopt, {}}) == Status::argument);
    CHECK(refused({std::nullopt, {assistant("Hi")}}) == Status::argument);
    CHECK(refused({std::nullopt, {user("a"), user("b")}}) == Status::argument);
    CHECK(refused({std::nullopt, {user("a"), assistant("b")}}) == Status::argument);
    CHECK(refused({std::nullopt, {user("a"), assistant("b")}}, false) == Status::ok);
    CHECK(refused({"x", {{Role::system, {Part::words("y")}}, user("a")}}) == Status::argument);
    CHECK(refused({std::nullopt, {user("a"), {Role::assistant, {Part::image()}}, user("b")}}) == Status::argument);
    CHECK(refused({std::nullopt, {{Role::system, {Part::image()}}, user("b")}}) == Status::argument);
    CHECK(refused({std::nullopt, {user(std::vector<Part>(1025, Part::words("a")))}}) == Status::limit);
    CHECK(refused({std::nullopt, {user(std::string((1 << 20) + 1, 'a'))}}) == Status::limit);
    CHECK(refused({std::string((1 << 20) + 1, 'a'), {user("a")}}) == Status::limit);
  }
}
