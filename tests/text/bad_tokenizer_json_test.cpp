// Malformed tokenizer.json files: each gives its own message; mutated ones end with a status.
#include <map>
#include <random>

#include "base/limits.hpp"
#include "support/doctest.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

Error outcome(const std::string& bytes) {
  return error_of([&] {
    const auto tokenizer = Tokenizer::from_json_bytes(bytes, "mutated");
    const auto ids =
        tokenizer->encode("The others, \xC3\xA9\xE5\xAD\x97 \xF0\x9F\x98\x80\n qqqqq A \xEF\xAC\x81 <s></s>\xFF");
    tokenizer->decode(ids);
    for (int32_t id = 0; id < tokenizer->size(); id += 7) tokenizer->decode(std::vector<int32_t>{id, 2, id});
  });
}

}  // namespace

TEST_SUITE("text/bad_tokenizer_json") {
  TEST_CASE("every malformed file fails with its own message, every odd one loads") {
    const std::string folder = kData + "/bad/tokenizer_json/";
    const auto table = read_table(folder + "expected.tsv");
    CHECK(table.size() >= 100);
    for (const auto& row : table) {
      REQUIRE(row.size() == 3);
      CAPTURE(row[0]);
      const Error error = error_of([&] { Tokenizer::from_json_file(folder + row[0])->encode("ab a"); });
      CAPTURE(error.message());
      CHECK(std::string(status_name(static_cast<int32_t>(error.status()))) == row[1]);
      if (error.status() == Status::ok) continue;
      CHECK(error.message().find(row[2]) != std::string::npos);
      CHECK(error.message().starts_with(folder + row[0] + ": "));
      CHECK(error.message().size() < 1024);
    }
    MESSAGE("files: " << table.size());
  }

  TEST_CASE("a file above the limit is refused before it is read") {
    const std::string bytes(100 << 20, ' ');
    CHECK(error_of([&] { Tokenizer::from_json_bytes(bytes, "t"); }).status() == Status::limit);
  }

  TEST_CASE("vocabularies and merges above the limits are refused") {
    std::string many = R"({"model":{"vocab":{)";
    for (int64_t i = 0; i <= limits::kTokenizerPieces; ++i) many += cat(i > 0 ? "," : "", "\"", i, "\":", i);
    CHECK(outcome(many + "}}}").message().find("model.vocab has more than 1048576 tokens") != std::string::npos);
    many = R"({"model":{"merges":[)";
    for (int64_t i = 0; i <= limits::kTokenizerMerges; ++i) many += i > 0 ? ",\"a b\"" : "\"a b\"";
    CHECK(outcome(many + "]}}").message().find("model.merges has more than 2097152 entries") != std::string::npos);
  }

  TEST_CASE("mutated files end with a status") {
    const std::string folder = kData + "/golden/text/json-";
    const std::string small = read_file(kData + "/bad/tokenizer_json/good.json");
    const std::string large = read_file(folder + "other.json");
    std::mt19937 random(20250102);
    std::map<std::string, int> statuses;
    for (int round = 0; round < 3000; ++round) {
      std::string bytes = round % 20 == 0 ? large : small;
      for (uint32_t n = 1 + random() % 6; n > 0; --n) {
        const size_t at = random() % bytes.size();
        if (random() % 3 == 0) {  // repeat a stretch elsewhere: still mostly JSON
          const std::string stretch = bytes.substr(at, random() % 24);
          bytes.insert(random() % bytes.size(), stretch);
        } else {
          bytes[at] = static_cast<char>(random() % 4 ? "{}[]\",:0123456789ab"[random() % 19] : random());
        }
      }
      ++statuses[status_name(static_cast<int32_t>(outcome(bytes).status()))];
    }
    CHECK(statuses["INTERNAL"] == 0);
    for (const auto& [status, count] : statuses) MESSAGE("mutated files: " << status << " " << count);
  }
}
