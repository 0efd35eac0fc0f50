// A file with every kind of defect, each named; and the figures of a good one.
#include "data/check.hpp"
#include "data_support.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

const std::string kPictures = std::string(LLAVA_TEST_DATA) + "/golden/image/pictures";
const Said kAsked = {{"human", "<image>\nWhat?"}, {"gpt", "A thing."}};

struct Defect {
  std::string json, problem, piece;
};

std::vector<Defect> defects() {
  const Said text = {{"human", "Hi"}, {"gpt", "Hello"}};
  std::string wide = "Long";
  for (int i = 0; i < 400; ++i) wide += " long";
  return {
      {record_json("missing", {"gone.png"}, kAsked), "picture-missing", "gone.png"},
      {record_json("broken", {"broken.png"}, kAsked), "picture-broken", "broken.png: "},
      {record_json("folder", {"sub"}, kAsked), "picture-broken", "is a directory"},
      {record_json("outside", {"../a.png"}, kAsked), "picture-path", "outside of the folder"},
      {record_json("absolute", {"/a.png"}, kAsked), "picture-path", "outside of the folder"},
      {record_json("no-place", {"good.png"}, text), "placeholders", "stands 0 times in it, and it has 1"},
      {record_json("no-picture", {}, kAsked), "placeholders", "stands 1 times in it, and it has 0"},
      {record_json("in-answer", {"good.png"}, {{"human", "x"}, {"gpt", "<image>"}}), "placeholders", "in an answer"},
      {record_json("roles", {}, {{"human", "a"}, {"bot", "b"}}), "roles", "from \"bot\""},
      {record_json("again", {}, {{"human", "a"}, {"human", "b"}}), "roles", "take turns"},
      {record_json("empty", {}, {}), "shape", "\"conversations\" is empty"},
      {R"({"id": "none"})", "shape", "there is no \"conversations\""},
      {R"({"id": "twice", "id": "twice"})", "json", "stands twice"},
      {record_json("unanswered", {}, {{"human", "Hm?"}}), "no-target", "no answer to learn from"},
      {record_json("cut-away", {}, {{"human", wide}, {"gpt", "Yes"}}), "no-target", "after cutting to 300"},
  };
}

DataReport check(const TemporaryFolder& folder, const std::string& text, int32_t threads, Json* json = nullptr) {
  const auto index = index_of(folder, text);
  auto rules = rules_of("llava_v1");
  rules.image_rows = 36;
  rules.max_length = 300;
  const SampleMaker maker(test_tokenizer(), rules);
  CheckOptions options;
  options.pictures.root = folder.path();
  options.threads = threads;
  auto report = check_data(*index, maker, options);
  if (json) *json = report_json(report, *index, maker);
  return report;
}

void write_pictures(const TemporaryFolder& folder) {
  std::ifstream file(kPictures + "/photo.png", std::ios::binary);
  const std::string png{std::istreambuf_iterator<char>(file), {}};
  folder.write("good.png", png);
  folder.write("broken.png", png.substr(0, png.size() / 2));
  std::filesystem::create_directory(folder / "sub");
}

}  // namespace

TEST_SUITE("data/check") {
  TEST_CASE("every unusable record is named with its own reason") {
    const TemporaryFolder folder;
    write_pictures(folder);
    const auto list = defects();
    std::string text = "[" + record_json("fine", {"good.png"}, kAsked);
    for (const Defect& defect : list) text += ",\n" + defect.json + ",\n" + record_json("fine", {"good.png"}, kAsked);
    text += "]";
    for (const int32_t threads : {1, 4}) {
      const auto report = check(folder, text, threads);
      CHECK(report.records == static_cast<int64_t>(2 * list.size() + 1));
      CHECK(report.usable == static_cast<int64_t>(list.size() + 1));
      CHECK(report.duplicate_ids == static_cast<int64_t>(list.size()));
      CHECK(report.duplicates == std::vector<std::string>{"fine"});
      REQUIRE(report.bad.size() == list.size());
      REQUIRE(report.lengths.size() == 2 * list.size() + 1);
      for (size_t i = 0; i < report.lengths.size(); ++i) {
        CHECK((report.lengths[i] > 36) == (i % 2 == 0));
        CHECK((report.learned[i] > 0) == (i % 2 == 0));
      }
      for (size_t i = 0; i < list.size(); ++i) {
        const auto& bad = report.bad[i];
        CAPTURE(bad.message);
        CHECK(bad.record == static_cast<int64_t>(2 * i + 1));
        CHECK(text.compare(static_cast<size_t>(bad.begin), list[i].json.size(), list[i].json) == 0);
        CHECK(problem_name(bad.problem) == list[i].problem);
        CHECK(bad.message.find(list[i].piece) != std::string::npos);
        CHECK(bad.message.find("data.json: record " + std::to_string(2 * i + 2) + " (byte ") == 0);
      }
    }
  }

  TEST_CASE("the figures of a set") {
    const TemporaryFolder folder;
    write_pictures(folder);
    std::string text;
    for (int i = 0; i < 200; ++i) {
      const std::string answer(static_cast<size_t>(i % 10 + 1), 'x');
      const auto id = std::to_string(i / 2 * 2);
      if (i % 4 == 3) text += record_json(id, {}, {{"human", "Say </s>"}, {"gpt", answer}});
      if (i % 4 != 3)
        text +=
            record_json(id, {"good.png"}, {{"human", "<image>\nHi"}, {"gpt", answer}, {"human", "So?"}, {"gpt", ""}});
      text += "\n";
    }
    Json json;
    const auto report = check(folder, text, 3, &json);
    CHECK(report.bad.empty());
    CHECK(report.usable == 200);
    CHECK(report.pictures == 150);
    CHECK(report.text_only == 50);
    CHECK(report.turns.at(2) == 50);
    CHECK(report.turns.at(4) == 150);
    CHECK(report.empty_answers == 150);
    CHECK(report.duplicate_ids == 100);
    CHECK(report.marks_said.at("</s>") == 50);
    CHECK(report.rows.median <= report.rows.p95);
    CHECK(report.rows.p95 <= report.rows.longest);
    CHECK(report.targets.total > 0);
    CHECK(json.at("records").integer() == 200);
    CHECK(json.at("format").string() == "jsonl");
    CHECK(json.at("tokens").at("longest").integer() == report.rows.longest);
    CHECK(json.at("bad").size() == 0);
  }

  TEST_CASE("checking can be cancelled") {
    const TemporaryFolder folder;
    const auto index = index_of(folder, "[" + record_json("a", {}, {{"human", "x"}, {"gpt", "y"}}) + "]");
    CancelToken token;
    token.cancel();
    CheckOptions options;
    options.cancel = Cancel(&token);
    CHECK(error_of([&] { check_data(*index, maker_of(rules_of("llava_v1")), options); }).status() == Status::cancelled);
  }
}
