// Data files by byte offsets: what is found, what is refused and where.
#include <unistd.h>

#include <random>

#include "base/files.hpp"
#include "data_support.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

std::vector<RecordSpan> scan(std::string_view text, size_t portion) {
  RecordScanner scanner("x.json");
  for (size_t at = 0; at < text.size(); at += portion) scanner.feed(text.substr(at, portion));
  scanner.finish();
  return scanner.take();
}

std::string refusal(std::string_view text, size_t portion = 1 << 20) {
  const auto error = error_of([&] { scan(text, portion); });
  return error.status() == Status::ok ? "" : error.message();
}

const std::string kPlainRecord =
    R"({"id": "a", "conversations": [{"from": "human", "value": "Hi \"there\" \\ é 😀 é \ud83d\ude00"}], "n": [-1.5e+3, 0, true, false, null, {}, []]})";

}  // namespace

TEST_SUITE("data/record_index") {
  TEST_CASE("a list and JSONL give the same records") {
    const TemporaryFolder folder;
    const std::string other = R"({"id": "b", "conversations": []})";
    const auto list = RecordIndex::open(folder.write("list.json", "[\n  " + kPlainRecord + ",\n  " + other + "\n]\n"));
    const auto lines = RecordIndex::open(folder.write("lines.jsonl", kPlainRecord + "\r\n\n  " + other));

    CHECK(list->is_list());
    CHECK_FALSE(lines->is_list());
    for (const auto& index : {list, lines}) {
      REQUIRE(index->size() == 2);
      CHECK(index->text(0) == kPlainRecord);
      CHECK(index->text(1) == other);
    }
    CHECK(list->begin(0) == 4);
    CHECK(to_hex(list->hash()) == to_hex(hash_bytes("[\n  " + kPlainRecord + ",\n  " + other + "\n]\n")));
  }

  TEST_CASE("a byte-order mark is skipped and remembered") {
    const TemporaryFolder folder;
    const auto index = RecordIndex::open(folder.write("x.json", "\xEF\xBB\xBF[{}]"));
    CHECK(index->has_mark());
    CHECK(index->begin(0) == 4);
  }

  TEST_CASE("records are the same however the bytes arrive") {
    const std::string text = "[" + kPlainRecord + " , {} ,{\"a\":-0.5e-7}\n]";
    const auto whole = scan(text, text.size());
    for (const size_t portion : {1, 2, 3, 5, 7, 8, 64}) {
      const auto parts = scan(text, portion);
      REQUIRE(parts.size() == whole.size());
      for (size_t i = 0; i < whole.size(); ++i) {
        CHECK(parts[i].begin == whole[i].begin);
        CHECK(parts[i].size == whole[i].size);
      }
    }
  }

  TEST_CASE("what is no data file is refused with record, line and byte") {
    struct Row {
      std::string text, piece;
    };
    const std::vector<Row> rows = {
        {"", "the file is empty"},
        {" \n\n", "the file is empty"},
        {"[]", "record 1, line 1, byte 1: the list is empty"},
        {"[{},]", "record 2, line 1, byte 4: a comma before ]"},
        {"[{}\n,\n", "record 2, line 3, byte 6: the file ends before the list does"},
        {"[{}, {\"a\": 1", "record 2, line 1, byte 12: the file ends inside the record that begins at byte 5"},
        {"[{}, {\"a\": \"b", "the file ends inside the record that begins at byte 5"},
        {"[{}] x", "byte 5: found \"x\" behind the end of the list"},
        {"[{}][{}]", "found \"[\" behind the end of the list"},
        {"[{} {}]", "found \"{\", expected a comma or ] behind a record"},
        {"[1]", "found \"1\", expected { (a record is an object)"},
        {"[[{}]]", "found \"[\", expected {"},
        {"{} {}", "found \"{\" behind a record, expected a line break"},
        {"{},\n{}", "a comma between records, which JSONL does not have"},
        {"{\n}", "the record goes on over a line break"},
        {"{}\n{}\n[", "record 3, line 3, byte 6: found \"[\", expected {"},
        {"<html>", "found \"<\", expected [ (a list of records) or { (JSONL)"},
        {"\x1f\x8b\x08", "found \"\\x1f\", expected ["},
        {"\xFF\xFE[", "begins as UTF-16 does"},
        {"\xEF\xBBx", "not UTF-8"},
        {"[{a:1}]", "found \"a\", expected a key in quotes"},
        {"[{\"a\":1,}]", "a comma before }"},
        {"[{\"a\":[1,]}]", "a comma before ]"},
        {"[{\"a\" 1}]", "expected : behind a key"},
        {"[{\"a\":1 \"b\":2}]", "expected a comma or }"},
        {"[{\"a\":[1 2]}]", "expected a comma or ]"},
        {"[{\"a\":[1}]", "found }, expected ]"},
        {"[{\"a\":01}]", "found \"1\" in a number"},
        {"[{\"a\":1.}]", "found \"}\" in a number"},
        {"[{\"a\":-}]", "found \"}\" in a number"},
        {"[{\"a\":1e}]", "found \"}\" in a number"},
        {"[{\"a\":+1}]", "found \"+\", expected a value"},
        {"[{\"a\":NaN}]", "found \"N\", expected a value"},
        {"[{\"a\":trux}]", "found \"x\", expected true, false or null"},
        {"[{\"a\":\"\n\"}]", "byte 7: a control character in a text, found \"\\x0a\""},
        {"[{\"a\":\"\\x\"}]", "found \"x\" behind a backslash"},
        {"[{\"a\":\"\\u12g4\"}]", "found \"g\" in \\u"},
        {"[{\"a\":\"\\ud83d\"}]", "half of a surrogate pair"},
        {"[{\"a\":\"\\ud83dx\"}]", "half of a surrogate pair"},
        {"[{\"a\":\"\\ud83d\\n\"}]", "half of a surrogate pair"},
        {"[{\"a\":\"\\ude00\"}]", "half of a surrogate pair"},
        {"[{\"a\":\"\\ud83d\\ud83d\"}]", "half of a surrogate pair"},
        {"[{\"a\":\"\xC0\x80\"}]", "byte 7: not UTF-8"},
        {"[{\"a\":\"\xED\xA0\x80\"}]", "byte 8: not UTF-8"},
        {"[{\"a\":\"\xF4\x90\x80\x80\"}]", "not UTF-8"},
        {"[{\"a\":\"\xE2\x82\"}]", "not UTF-8"},
        {"[{\"a\":1}\x01]", "found \"\\x01\", expected a comma or ]"},
        {std::string("[{\"a\":\"\0\"}]", 11), "a control character"},
        {"[{\"a\":" + std::string(100000, '['), "nested deeper than 64 levels"},
    };
    for (const auto& row : rows)
      for (const size_t portion : {size_t{1}, size_t{1} << 20}) {
        CAPTURE(row.text.substr(0, 40));
        const auto message = refusal(row.text, portion);
        CAPTURE(message);
        CHECK(message.find(row.piece) != std::string::npos);
        CHECK(message.starts_with("x.json: record "));
      }
  }

  TEST_CASE("a record of more than 16 MiB is refused before it is all read") {
    RecordScanner scanner("x.json");
    scanner.feed("[{\"a\": \"");
    const std::string mebibyte(1 << 20, 'x');
    int fed = 0;
    const auto error = error_of([&] {
      for (; fed < 100; ++fed) scanner.feed(mebibyte);
    });
    CHECK(error.status() == Status::limit);
    CHECK(fed == 15);
  }

  TEST_CASE("what passes is what the strict JSON reader takes, and nothing else") {
    std::mt19937 random(7);
    const std::string good = "[" + kPlainRecord + ", {\"k\": [1, {\"a\": \"b\"}]}]";
    const std::string letters = "\"\\{}[],:0-.eE+tfnu /x \n\xC3\xA9\xF0";
    int accepted = 0;
    for (int round = 0; round < 20000; ++round) {
      auto text = good;
      for (int edits = 1 + static_cast<int>(random() % 2); edits > 0; --edits) {
        const auto at = random() % text.size();
        const char letter = letters[random() % letters.size()];
        if (random() % 3 == 0)
          text.erase(at, 1);
        else if (random() % 2)
          text[at] = letter;
        else
          text.insert(text.begin() + static_cast<int64_t>(at), letter);
      }
      bool expected = true;
      const auto tree = nlohmann::json::parse(text, nullptr, false);
      if (tree.is_discarded() || !tree.is_array() || tree.empty()) expected = false;
      if (expected)
        for (const auto& item : tree) expected = expected && item.is_object();
      const auto message = refusal(text, 1 + random() % 9);
      CAPTURE(text);
      CAPTURE(message);
      // a number that fits no double is refused there, and here when the record is read
      const bool overflow = tree.is_discarded() && message.empty() && text.find_first_of("eE") != text.npos;
      if (overflow) continue;
      CHECK(message.empty() == expected);
      accepted += expected;
    }
    CHECK(accepted > 1000);
  }

  TEST_CASE("a file that is written to afterwards is an error, not other records") {
    const TemporaryFolder folder;
    const auto path = folder.write("x.json", "[{\"id\": 1}, {\"id\": 2}]");
    const auto index = RecordIndex::open(path);
    CHECK(index->text(1) == "{\"id\": 2}");

    SUBCASE("longer") {
      folder.write("x.json", "[{\"id\": 1}, {\"id\": 2}, {\"id\": 3}]");
      const auto error = error_of([&] { index->text(0); });
      CHECK(error.status() == Status::io);
      CHECK(error.message().find("was written to since it was opened (it had 22 bytes, now 33)") != std::string::npos);
    }
    SUBCASE("cut off") {
      REQUIRE(::truncate(path.c_str(), 15) == 0);
      const auto error = error_of([&] { index->text(1); });
      CHECK(error.status() == Status::io);
      CHECK(error.message().find("ends at byte 15, it had 22 bytes") != std::string::npos);
    }
  }

  TEST_CASE("no file, a directory, a FIFO: each its own error, and none waits") {
    const TemporaryFolder folder;
    CHECK(error_of([&] { RecordIndex::open(folder / "none.json"); }).status() == Status::not_found);
    CHECK(error_of([&] { RecordIndex::open(folder.path()); }).message().find("is a directory") != std::string::npos);
    CHECK(error_of([&] { RecordIndex::open("/dev/null"); }).message().find("a device") != std::string::npos);
    CHECK(error_of([&] { RecordIndex::open(""); }).status() == Status::argument);
  }

  TEST_CASE("opening can be cancelled") {
    const TemporaryFolder folder;
    CancelToken token;
    token.cancel();
    const auto path = folder.write("x.json", "[{}]");
    CHECK(error_of([&] { RecordIndex::open(path, {Cancel(&token), {}}); }).status() == Status::cancelled);
  }
}
