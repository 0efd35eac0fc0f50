// CHECK must be doctest's: LibTorch has one of its own, which would turn every test into one that cannot fail. Counted
// by a listener, and looked at as text.
#include <cstring>

#include "support/doctest.hpp"

namespace {

int last_count = -1;  // assertions of the test case that ended last

struct Counter : doctest::IReporter {
  explicit Counter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override { last_count = stats.numAssertsCurrentTest; }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("assertion-counter", 1, Counter);

#define TEXT_OF(...) #__VA_ARGS__
#define EXPANDED(...) TEXT_OF(__VA_ARGS__)

}  // namespace

TEST_SUITE("support/doctest") {
  TEST_CASE("one: three assertions are made") {
    CHECK(true);
    CHECK_EQ(1, 1);
    CHECK_LT(1, 2);
  }

  TEST_CASE("two: the three were counted") {
    if (last_count >= 0) CHECK(last_count == 3);  // -1 when this case runs alone
    CHECK(std::strstr(EXPANDED(CHECK(true)), "doctest") != nullptr);
    CHECK(std::strstr(EXPANDED(CHECK_EQ(1, 1)), "doctest") != nullptr);
  }
}
