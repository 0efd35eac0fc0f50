// Places of pictures, labels told by construction, cutting.
#include "data_support.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

const Said kTwoRounds = {
    {"human", "What is it?\n<image>"}, {"gpt", "A red kite."}, {"human", "Why?"}, {"gpt", "Wind."}};

size_t place_of(const Sample& sample) {
  return static_cast<size_t>(std::find(sample.ids.begin(), sample.ids.end(), kImageToken) - sample.ids.begin());
}

}  // namespace

TEST_SUITE("data/sample") {
  TEST_CASE("only the assistant's words and end marks are learned") {
    const auto record = record_of({"a.png"}, kTwoRounds);
    CHECK(learned_text(maker_of(rules_of("llava_v1")).make(record)) == "A red kite.</s>Wind.</s>");
    CHECK(learned_text(maker_of(rules_of("llava_llama_2")).make(record)) == "A red kite. </s>Wind. </s>");
    CHECK(learned_text(maker_of(rules_of("llava_v0")).make(record)) == "A red kite.###Wind.###");
    CHECK(learned_text(
              maker_of(rules_of("plain")).make(record_of({"a.png"}, {{"human", "<image>\nx"}, {"gpt", "A cap"}}))) ==
          "A cap\n");
  }

  TEST_CASE("spans never drops a sample that the original's rule does") {
    const auto records = read_golden("records.json");
    int dropped = 0;
    for (const auto& json : records) {
      if (json.at("id") == "r24") continue;  // two questions in a row: no sample at all
      const auto record = parse(json.dump());
      std::string answers;
      for (const RecordTurn& turn : record.turns)
        if (turn.role == Role::assistant && !(record.odd.answer_first && &turn == &record.turns[0]))
          answers += turn.text + "</s>";
      const auto sample = maker_of(rules_of("llava_v1")).make(record);
      CAPTURE(json.dump());
      // decoding takes a typed "\u2581" for the blank that it stands for in a vocabulary
      if (answers.find("\u2581") == answers.npos) CHECK(learned_text(sample) == answers);
      try {
        dropped += maker_of(rules_of("llava_v1", LabelRule::upstream)).make(record).mismatch;
      } catch (const RecordError&) {
      }
    }
    CHECK(dropped >= 5);
  }

  TEST_CASE("ids are the original's where nobody types a special token") {
    const auto records = read_golden("records.json");
    int same = 0;
    for (size_t i = 27; i < records.size(); ++i) {
      const auto record = parse(records[i].dump());
      const auto spans = maker_of(rules_of("vicuna_v1")).make(record);
      const auto original = maker_of(rules_of("vicuna_v1", LabelRule::upstream)).make(record);
      CHECK(spans.ids == original.ids);
      if (!original.mismatch) CHECK(spans.targets >= original.targets);
      ++same;
    }
    CHECK(same == 36);
  }

  TEST_CASE("the picture goes first, stays, or is drawn by the sample's id") {
    auto rules = rules_of("llava_v1");
    const auto record = record_of({"a.png"}, kTwoRounds);
    const auto first = maker_of(rules).make(record);
    rules.place = ImagePlace::as_written;
    const auto written = maker_of(rules).make(record);
    CHECK(place_of(first) < place_of(written));
    CHECK(first.rows == written.rows);

    rules.place = ImagePlace::random;
    int behind = 0, changed = 0;
    for (int i = 0; i < 200; ++i) {
      const auto one = parse(record_json("id" + std::to_string(i), {"a.png"}, kTwoRounds));
      rules.seed = 1;
      const auto sample = maker_of(rules).make(one);
      CHECK(sample.ids == maker_of(rules).make(one).ids);
      const bool is_behind = sample.ids == written.ids;
      CHECK((is_behind || sample.ids == first.ids));
      behind += is_behind;
      rules.seed = 2;
      changed += maker_of(rules).make(one).ids != sample.ids;
    }
    CHECK(behind > 70);
    CHECK(behind < 130);
    CHECK(changed > 60);
  }

  TEST_CASE("several pictures of a turn stay several; the original would lose them, which is an error there") {
    const auto record = record_of({"a.png", "b.png"}, {{"human", "<image> left of <image>?"}, {"gpt", "Yes."}});
    const auto sample = maker_of(rules_of("llava_v1")).make(record);
    CHECK(sample.images == 2);
    const auto error = error_of([&] { maker_of(rules_of("llava_v1", LabelRule::upstream)).make(record); });
    CHECK(error.message().find("template llava_v1 keeps 1 of its 2 pictures") != std::string::npos);
  }

  TEST_CASE("pictures of later turns stand in their turn") {
    const auto record =
        record_of({"a.png"}, {{"human", "Hi"}, {"gpt", "Hello"}, {"human", "See <image>"}, {"gpt", "Yes"}});
    for (const char* name : {"llava_v1", "v1_mmtag", "llava_llama_2", "mpt", "hf_llava_1_5"}) {
      const auto sample = maker_of(rules_of(name)).make(record);
      CHECK(sample.images == 1);
      CHECK(sample.targets > 2);
    }
  }

  TEST_CASE("marks stand around every picture under both rules") {
    auto tokens = std::vector<AddedToken>{{900, "<im_start>", true}, {901, "<im_end>", true}};
    const auto tokenizer =
        Tokenizer::from_file(std::string(LLAVA_TEST_DATA) + "/golden/text/test_tokenizer.model", tokens);
    auto rules = rules_of("vicuna_v1");
    rules.image_marks = {900, 901};
    const auto record = record_of({"a.png"}, kTwoRounds);
    const auto spans = SampleMaker(tokenizer, rules).make(record);
    const auto at = place_of(spans);
    CHECK(spans.ids.at(at - 1) == 900);
    CHECK(spans.ids.at(at + 1) == 901);
    rules.labels = LabelRule::upstream;
    const auto original = SampleMaker(tokenizer, rules).make(record);
    CHECK(original.ids.at(place_of(original) - 1) == 900);
    CHECK(original.ids.at(place_of(original) + 1) == 901);
  }

  TEST_CASE("a system turn replaces the template's text") {
    const auto with = record_of({}, {{"system", "Be brief."}, {"human", "Hi"}, {"gpt", "Yes"}});
    const auto without = record_of({}, {{"human", "Hi"}, {"gpt", "Yes"}});
    CHECK(maker_of(rules_of("llava_v1")).make(with).rows < maker_of(rules_of("llava_v1")).make(without).rows);
    CHECK_THROWS_AS(maker_of(rules_of("llava_v1", LabelRule::upstream)).make(with), RecordError);
  }

  TEST_CASE("cutting counts the rows of pictures, and tells when no target is left") {
    auto rules = rules_of("llava_v1");
    const auto record = record_of({"a.png"}, kTwoRounds);
    rules.image_rows = 36;
    const auto whole = maker_of(rules).make(record);
    const auto ids = static_cast<int64_t>(whole.ids.size());
    CHECK(whole.full_rows == ids - 1 + 36);
    CHECK(whole.rows == whole.full_rows);
    CHECK_FALSE(whole.cut);

    rules.max_length = whole.full_rows - 1;
    const auto shorter = maker_of(rules).make(record);
    CHECK(shorter.cut);
    CHECK(shorter.rows == rules.max_length);
    CHECK(shorter.targets == whole.targets - 1);
    CHECK(shorter.ids.size() == whole.ids.size() - 1);

    rules.max_length = static_cast<int64_t>(place_of(whole)) + 10;  // within the picture
    const auto none = maker_of(rules).make(record);
    CHECK(none.cut);
    CHECK(none.images == 1);
    CHECK(none.ids.back() == kImageToken);
    CHECK(none.rows == rules.max_length);
    CHECK(none.targets == 0);
    CHECK(no_target_reason(none, rules).find("no answer is left of its") != std::string::npos);

    rules.max_length = static_cast<int64_t>(place_of(whole));  // before it
    CHECK(maker_of(rules).make(record).images == 0);
  }

  TEST_CASE("a question without an answer has no target") {
    const auto sample = maker_of(rules_of("llava_v1")).make(record_of({}, {{"human", "Hm?"}}));
    CHECK(sample.targets == 0);
    CHECK(no_target_reason(sample, rules_of("llava_v1")) == "it has no answer to learn from");
  }

  TEST_CASE("an empty answer teaches its end mark") {
    CHECK(learned_text(maker_of(rules_of("llava_v1")).make(record_of({}, {{"human", "Hm?"}, {"gpt", ""}})))
              .ends_with("</s>"));
  }
}
