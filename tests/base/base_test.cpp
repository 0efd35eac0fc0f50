// Messages, status names, cancel tokens.
#include "base/cancel.hpp"
#include "base/error.hpp"
#include "support/doctest.hpp"

using namespace llava::core;

TEST_SUITE("base") {
  TEST_CASE("a message is joined from text and numbers without locale") {
    CHECK(cat("part ", 2, " of ", size_t{3}, ": ", 0.5, ' ', true) == "part 2 of 3: 0.5 true");
    CHECK(shape_text({4096, 1024}) == "[4096, 1024]");
  }

  TEST_CASE("every status number has a name and others are UNKNOWN") {
    CHECK(std::string(status_name(0)) == "OK");
    CHECK(std::string(status_name(12)) == "CONTEXT_FULL");
    CHECK(std::string(status_name(42)) == "UNKNOWN");
  }

  TEST_CASE("a cancelled token and a passed deadline stop work with their own status") {
    CancelToken token;
    const Cancel cancel(&token);
    CHECK_NOTHROW(cancel.poll("prefill"));
    token.set_deadline_ms(0);
    CHECK(error_of([&] { cancel.poll("prefill"); }).status() == Status::timeout);
    token.cancel();
    const auto error = error_of([&] { cancel.poll("prefill"); });
    CHECK(error.status() == Status::cancelled);
    CHECK(error.message() == "cancelled during prefill");
    token.reset();
    CHECK_NOTHROW(cancel.poll("prefill"));
  }
}
