// One record: what is read, what is odd, what is refused.
#include "data_support.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

/// "shape: message" of the refusal; "" when the record is fine.
std::string refusal(const std::string& json) {
  try {
    parse_record(json, {"train.json", 11, 345});
    return "";
  } catch (const RecordError& error) {
    return std::string(problem_name(error.problem())) + ": " + error.message();
  }
}

}  // namespace

TEST_SUITE("data/record") {
  TEST_CASE("a record is read, other keys are ignored") {
    const auto record = parse(R"({"id": "000000033471", "image": "coco/000000033471.jpg", "model": "vicuna",
      "conversations": [{"from": "human", "value": "<image>\nWhat?", "weight": 1}, {"from": "gpt", "value": "A bus."}]})");
    CHECK(record.id == "000000033471");
    CHECK(record.images == std::vector<std::string>{"coco/000000033471.jpg"});
    REQUIRE(record.turns.size() == 2);
    CHECK(record.turns[1].text == "A bus.");
    CHECK(record.turns[1].role == Role::assistant);
    CHECK(record.where == "test.json: record 1 (byte 0, id \"000000033471\")");
  }

  TEST_CASE("ids may be numbers, roles may be named otherwise, a system turn may open") {
    const auto record = parse(R"({"id": 42, "conversations": [{"from": "system", "value": "Be brief."},
      {"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello"}]})");
    CHECK(record.id == "42");
    CHECK(record.system == "Be brief.");
    CHECK(record.turns.size() == 2);
    CHECK(record.images.empty());
  }

  TEST_CASE("pictures stand at any turn, several in one") {
    const auto record = record_of({"a.png", "b.png", "c.png"}, {{"human", "One"},
                                                                {"gpt", "ok"},
                                                                {"human", "<image> and <image>"},
                                                                {"gpt", "ok"},
                                                                {"human", "last <image>"},
                                                                {"gpt", "ok"}});
    CHECK(record.images.size() == 3);
    CHECK(parse(R"({"image": null, "conversations": [{"from": "human", "value": "x"}]})").images.empty());
    CHECK(parse(R"({"image": [], "conversations": [{"from": "human", "value": "x"}]})").images.empty());
  }

  TEST_CASE("what published sets have is odd and no error") {
    const auto first = record_of({}, {{"gpt", "Hello!"}, {"human", "Hi"}, {"gpt", ""}});
    CHECK(first.odd.answer_first);
    CHECK(first.odd.empty_answer);
    CHECK(first.first == 1);
    CHECK(record_of({}, {{"human", "a"}, {"gpt", "b"}, {"human", "c"}}).odd.ends_unanswered);
    CHECK(parse(R"({"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]})").odd.no_id);
  }

  TEST_CASE("each defect has its own message with record, byte and id") {
    const std::string head = R"({"id": "k", "conversations": )";
    const std::string turns = R"([{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}])";
    const std::vector<std::pair<std::string, std::string>> rows = {
        {R"({"id": "k"})", "shape: train.json: record 12 (byte 345, id \"k\"): there is no \"conversations\""},
        {head + "7}", "shape: train.json: record 12 (byte 345, id \"k\"): \"conversations\" is 7, expected a list"},
        {head + "[]}", "\"conversations\" is empty"},
        {head + "[3]}", "turn 1 is 3, expected {\"from\", \"value\"}"},
        {head + R"([{"value": "x"}]})", "turn 1 has no \"from\""},
        {head + R"([{"from": "human"}]})", "turn 1 has no \"value\""},
        {head + R"([{"from": "human", "value": 3}]})", "\"value\" of turn 1 is 3, expected a text"},
        {head + R"([{"from": "bot", "value": "x"}]})",
         "roles: train.json: record 12 (byte 345, id \"k\"): turn 1 is from \"bot\""},
        {head + R"([{"from": "human", "value": "x"}, {"from": "system", "value": "y"}]})", "turn 2 is the system's"},
        {head + R"([{"from": "system", "value": "x"}]})", "a system turn alone"},
        {head + R"([{"from": "gpt", "value": "x"}]})", "an answer alone"},
        {head + R"([{"from": "human", "value": "x"}, {"from": "human", "value": "y"}]})",
         "turn 2 is the human's again"},
        {head + R"([{"from": "gpt", "value": "x"}, {"from": "gpt", "value": "y"}]})",
         "turn 2 is the assistant's again"},
        {R"({"id": [], "conversations": )" + turns + "}", "\"id\" is a list of 0, expected a text or a number"},
        {R"({"image": 3, "conversations": )" + turns + "}", "\"image\" has 3, expected a path"},
        {R"({"image": "", "conversations": )" + turns + "}", "\"image\" has \"\", expected a path"},
        {R"({"image": ["a.png", 1], "conversations": )" + turns + "}", "\"image\" has 1, expected a path"},
        {R"({"image": "a.png", "conversations": )" + turns + "}",
         "placeholders: train.json: record 12 (byte 345): \"<image>\" stands 0 times in it, and it has 1 pictures"},
        {head + R"([{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "y"}]})",
         "stands 1 times in it, and it has 0"},
        {R"({"image": "a.png", "conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "<image>"}]})",
         "\"<image>\" in an answer"},
        {head + R"([{"from": "system", "value": "<image>"}, {"from": "human", "value": "y"}]})", "in the system text"},
        {R"({"id": "k", "id": "l"})", "json: train.json: record 12 (byte 345): byte 16: the key \"id\" stands twice"},
        {R"({"n": 1e999})", "json: train.json: record 12 (byte 345): byte 12: the number 1e999 does not fit a double"},
    };
    for (const auto& [given, piece] : rows) {
      const std::string json = given;
      const auto message = refusal(json);
      CAPTURE(json);
      CAPTURE(message);
      CHECK(message.find(piece) != std::string::npos);
    }
  }
}
