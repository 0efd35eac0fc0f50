// Stop strings over pieces of text.
#include "generate/stop.hpp"

#include "support/doctest.hpp"

using namespace llava::core;

TEST_SUITE("generate/stop") {
  TEST_CASE("a stop string spread over pieces is found and nothing of it is shown") {
    StopMatcher matcher({"###"}, false);
    CHECK(matcher.push("Hello #") == "Hello ");
    CHECK(matcher.push("#") == "");
    CHECK_FALSE(matcher.stopped());
    CHECK(matcher.push("# more") == "");
    CHECK(matcher.stopped());
    CHECK(matcher.push("after") == "");
    CHECK(matcher.flush() == "");
  }

  TEST_CASE("what only looked like a beginning is handed out") {
    StopMatcher matcher({"stop!"}, false);
    CHECK(matcher.push("sto") == "");
    CHECK(matcher.push("ne") == "stone");
    CHECK(matcher.push("st") == "");
    CHECK(matcher.flush() == "st");
  }

  TEST_CASE("the earliest of several wins and may be included") {
    StopMatcher matcher({"cat", "a dog"}, true);
    CHECK(matcher.push("see a dog and a cat") == "see a dog");
    CHECK(matcher.stopped());
  }

  TEST_CASE("empty, too long and too many stop strings are refused") {
    CHECK(error_of([] { StopMatcher({""}, false); }).status() == Status::argument);
    CHECK(error_of([] { StopMatcher({std::string(257, 'a')}, false); }).status() == Status::limit);
    CHECK(error_of([] { StopMatcher(std::vector<std::string>(65, "a"), false); }).status() == Status::limit);
  }
}
