// Strict JSON and typed fields.
#include "base/json.hpp"

#include "support/doctest.hpp"

using namespace llava::core;

TEST_SUITE("base/json") {
  TEST_CASE("a value is read with its types kept") {
    const auto json =
        parse_json(R"( {"a": [1, -2, 3.5, true, null, "x\u00e9"], "b": {"c": 18446744073709551615}} )", "t");
    CHECK(json.at("a").at(0).is_number_integer());
    CHECK(json.at("a").at(2).is_number_float());
    CHECK(json.at("a").at(5).string() == "xé");
    CHECK(json.at("b").at("c").unsigned_integer() == 18446744073709551615u);
  }

  TEST_CASE("a message names the file, the byte and the reason") {
    const auto error = error_of([] { parse_json(R"({"a": 1, "a": 2})", "config.json"); });
    CHECK(error.status() == Status::format);
    CHECK(error.message() == "config.json: byte 12: the key \"a\" stands twice in one object");
    CHECK(error_of([] { parse_json("[1,]", "config.json"); }).message().find("config.json: byte 4: ") == 0);
  }

  TEST_CASE("a field of the wrong type is named with found and expected") {
    const auto json = parse_json(R"({"heads": "8", "eps": 1.0, "ids": [1, 2.0], "off": null})", "t");
    CHECK(error_of([&] { read_int(json, "heads", "config.json", 1, 512); }).message() ==
          "config.json: heads is \"8\", expected an integer in 1..512");
    CHECK(error_of([&] { read_int(json, "eps", "config.json", 1, 512); }).message() ==
          "config.json: eps is 1.0, expected an integer in 1..512");
    CHECK(error_of([&] { read_int_list(json, "ids", "config.json", 0, 9); }).message() ==
          "config.json: ids[1] is 2.0, expected an integer in 0..9");
    CHECK(error_of([&] { read_bool(json, "off", "config.json"); }).message() ==
          "config.json: off is missing, expected true or false");
    CHECK(read_bool(json, "off", "config.json", true));
    CHECK(read_string(json, "name", "config.json", "none") == "none");
    CHECK(read_number(json, "eps", "config.json", 0, 2) == 1.0);
  }
}
