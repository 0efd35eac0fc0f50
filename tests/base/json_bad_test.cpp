// tests/bad/json, limits, and texts changed at random.
#include <ctime>

#include "base/json.hpp"
#include "base/rng.hpp"
#include "base/utf8.hpp"
#include "support/doctest.hpp"
#include "support/expected.hpp"

using namespace llava::core;

namespace {

const std::string kFolder = LLAVA_TEST_DATA "/bad/json";

std::string mutated(std::string text, Rng& rng) {
  constexpr std::string_view kTokens[] = {"{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          ":",
                                          "\"",
                                          "\\u",
                                          "\\ud800",
                                          "1e999",
                                          "-",
                                          "null",
                                          "\xEF\xBB\xBF",
                                          "\xff",
                                          "18446744073709551616",
                                          " ",
                                          "[[[[[[[[",
                                          "{\"a\":"};
  for (uint32_t n = 1 + rng.next_below(4); n > 0 && !text.empty(); --n) {
    const auto at = rng.next_below(static_cast<uint32_t>(text.size()));
    switch (rng.next_below(5)) {
      case 0:
        text[at] = static_cast<char>(rng.next_u32());
        break;
      case 1:
        text.erase(at, 1 + rng.next_below(8));
        break;
      case 2:
        text.insert(at, kTokens[rng.next_below(std::size(kTokens))]);
        break;
      case 3:
        text.insert(at, text.substr(rng.next_below(static_cast<uint32_t>(text.size())), rng.next_below(40)));
        break;
      default:
        text.resize(at);
        break;
    }
  }
  return text;
}

}  // namespace

TEST_SUITE("base/json, bad texts") {
  TEST_CASE("each text is taken or refused as RFC 8259 has it") {
    const auto rows = read_expected(kFolder);
    REQUIRE(rows.size() >= 150);
    for (const auto& row : rows) {
      CAPTURE(row.file);
      const auto text = bytes_of(kFolder + "/" + row.file);
      const auto error = error_of([&] { parse_json(text, row.file); });
      CAPTURE(error.message());
      CHECK(std::string(status_name(static_cast<int32_t>(error.status()))) == row.status);
      if (row.status == "OK") {
        const auto once = parse_json(text, "t").dump();
        CHECK(parse_json(once, "t").dump() == once);
        continue;
      }
      CHECK(error.message().find(row.file + ": ") == 0);
      CHECK(error.message().find(row.piece) != std::string::npos);
      CHECK(error.message().size() <= 1024);
      CHECK(valid_utf8(error.message()));
    }
  }

  TEST_CASE("sizes are taken at the limit and refused above it") {
    const auto padded = [](int64_t bytes) { return std::string("1").append(static_cast<size_t>(bytes - 1), ' '); };
    CHECK(parse_json(padded(limits::kConfigJsonBytes), "t").integer() == 1);
    const auto error = error_of([&] { parse_json(padded(limits::kConfigJsonBytes + 1), "config.json"); });
    CHECK(error.status() == Status::limit);
    CHECK(error.message() == "config.json: 1048577 bytes of JSON, at most 1048576");
    const JsonLimits large = {limits::kIndexJsonBytes, limits::kJsonDepth};
    const auto text = [](int64_t bytes) {
      return std::string("\"").append(static_cast<size_t>(bytes), 'x').append("\"");
    };
    CHECK(parse_json(text(limits::kJsonStringBytes), "t", large).is_string());
    CHECK(error_of([&] { parse_json(text(limits::kJsonStringBytes + 1), "t", large); }).status() == Status::limit);
    CHECK(parse_json("[[]]", "t", {100, 2}).size() == 1);
    CHECK(error_of([&] { parse_json("[[[]]]", "t", {100, 2}); }).status() == Status::limit);
  }

  TEST_CASE("100 000 brackets are refused at once") {
    const auto start = std::clock();
    for (const char* open : {"[", "{\"a\":"}) {
      std::string text;
      for (int i = 0; i < 100000; ++i) text += open;
      CHECK(error_of([&] { parse_json(text, "t"); }).status() == Status::limit);
    }
    CHECK(std::clock() - start < CLOCKS_PER_SEC / 5);
  }

  TEST_CASE("10 000 changed texts are taken or refused, never more") {
    const std::string config =
        R"({"architectures":["LlavaForConditionalGeneration"],"image_token_index":32000,)"
        R"("text_config":{"rope_scaling":{"factor":2.0},"eps":1e-05,"pad":null},"é":"🦙\ud83e\udd99"})";
    Rng rng(7);
    int taken = 0;
    for (int i = 0; i < 10000; ++i) {
      const auto text = mutated(config, rng);
      const auto error = error_of([&] { parse_json(text, "config.json"); });
      taken += error.status() == Status::ok;
      const bool known =
          error.status() == Status::ok || error.status() == Status::format || error.status() == Status::limit;
      if (known && valid_utf8(error.message()) && error.message().size() <= 1024) continue;
      CAPTURE(text);
      FAIL_CHECK(error.message());
    }
    CHECK(taken > 100);
    CHECK(taken < 9000);
  }
}
