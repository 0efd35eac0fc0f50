// The published id vectors, which need LLaMA's own vocabulary. It may not be shipped: LLAVA_TEST_LLAMA_TOKENIZER names
// a tokenizer.model (LLaMA 1 or 2, 32 000 pieces) to check them with. Source: executed with transformers' slow
// tokenizer.
#include <cstdlib>

#include "support/doctest.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

using Ids = std::vector<int64_t>;

std::shared_ptr<const Tokenizer> llama() {
  const char* path = std::getenv("LLAVA_TEST_LLAMA_TOKENIZER");
  return path != nullptr && *path != '\0' ? Tokenizer::from_file(path) : nullptr;
}

Ids joined(std::initializer_list<Ids> lists) {
  Ids out;
  for (const Ids& ids : lists) out.insert(out.end(), ids.begin(), ids.end());
  return out;
}

/// The system text of vicuna_v1 (1404, "user") and llava_v1 (5199, "human").
Ids system_ids(int64_t who) {
  return {1,    319,   13563, 1546,  263, 12758, who, 322,  385, 23116, 21082, 20255, 29889, 450,  20255, 4076,
          8444, 29892, 13173, 29892, 322, 1248,  568, 6089, 304, 278,   who,   29915, 29879, 5155, 29889};
}

const Ids kPlace = {29901, 29871, kImageToken, 29871, 13};
const Ids kShown = {5618, 338, 4318, 297, 445, 1967, 29973};
const Ids kAssistant = {319, 1799, 9047, 13566, 29901};

}  // namespace

TEST_SUITE("text/llama_golden") {
  TEST_CASE("the published vectors hold with LLaMA's vocabulary") {
    const auto tokenizer = llama();
    if (tokenizer == nullptr) {
      MESSAGE("skipped: LLAVA_TEST_LLAMA_TOKENIZER names no tokenizer.model");
      return;
    }
    REQUIRE(tokenizer->size() == 32000);
    const auto ids = [&](const char* key, const Conversation& conversation, bool open = true) {
      return build_prompt(*tokenizer, find_template(key), conversation, {open}).ids;
    };
    const auto shown = ask("What is shown in this image?");
    CHECK(ids("vicuna_v1", shown) == joined({system_ids(1404), {3148, 1001}, kPlace, kShown, kAssistant}));
    CHECK(ids("vicuna_v1", shown).size() == 50);
    CHECK(ids("llava_v1", shown) == joined({system_ids(5199), {3148, 1001}, kPlace, kShown, kAssistant}));
    CHECK(ids("hf_llava_1_5", shown) == joined({{1, 3148, 1001}, kPlace, kShown, kAssistant}));
    CHECK(ids("mistral_instruct", shown) ==
          joined({{1, 518, 25580, 29962, 29871, kImageToken, 29871, 13}, kShown, {518, 29914, 25580, 29962}}));
    CHECK(ids("llava_v0", ask("What is this?")) == joined({system_ids(5199),
                                                           {2277, 29937, 29950, 7889},
                                                           kPlace,
                                                           {5618, 338, 445, 29973, 2277, 29937, 7900, 22137, 29901}}));
    const Conversation caption{std::nullopt, {user({Part::image()}), assistant("a cat on a mat")}};
    CHECK(ids("plain", caption, false) == Ids{1, kImageToken, 263, 6635, 373, 263, 1775, 13});
  }

  TEST_CASE("two rounds give the published ids, and the learned ones are the published ones") {
    const auto tokenizer = llama();
    if (tokenizer == nullptr) {
      MESSAGE("skipped: LLAVA_TEST_LLAMA_TOKENIZER names no tokenizer.model");
      return;
    }
    const Conversation rounds{std::nullopt,
                              {user({Part::image(), Part::words("What is in the image?")}), assistant("A red hydrant."),
                               user("Why?"), assistant("Snow fell.")}};
    const Prompt prompt = build_prompt(*tokenizer, find_template("vicuna_v1"), rounds, {false});
    const Ids tail = joined({{3148, 1001},
                             kPlace,
                             {5618, 338, 297, 278, 1967, 29973},
                             kAssistant,
                             {319, 2654, 27246, 21867, 29889, 2, 3148, 1001, 29901, 3750, 29973},
                             kAssistant,
                             {24392, 8379, 29889, 2}});
    CHECK(prompt.ids == joined({system_ids(1404), tail}));
    for (size_t i = 0; i < prompt.learned.size(); ++i)
      CHECK(prompt.learned[i] == ((i >= 49 && i <= 54) || (i >= 65 && i <= 68) ? 1 : 0));
  }
}
