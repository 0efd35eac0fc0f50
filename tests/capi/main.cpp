// The test program of the C ABI. Everything runs on a stack of 256 KiB, as the headers promise; after every test case
// the counts of living objects, open descriptors and threads must be what they were before it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <dirent.h>
#include "support/doctest.hpp"

#include <pthread.h>

#include <memory>

#include "fixture.hpp"
#include "misuse.hpp"

namespace {

std::unique_ptr<Fixture> the_fixture;
int leaks = 0;
int result = 1;

int entries(const char* folder) {
  DIR* list = opendir(folder);
  int count = 0;
  while (list && readdir(list)) ++count;
  if (list) closedir(list);
  return count;
}

// doctest's own report is untouched; a leak is told and turns the exit status.
class LeakListener : public doctest::IReporter {
 public:
  explicit LeakListener(const doctest::ContextOptions&) {}
  void test_case_start(const doctest::TestCaseData& data) override {
    name_ = data.m_name;
    objects_ = live_objects();
    descriptors_ = entries("/proc/self/fd");
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    const auto now = live_objects();
    if (now != objects_) tell("objects", objects_, now);
    const int descriptors = entries("/proc/self/fd");
    if (descriptors != descriptors_) tell("descriptors", std::to_string(descriptors_), std::to_string(descriptors));
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  void tell(const char* what, const std::string& before, const std::string& after) {
    ++leaks;
    std::printf("LEAK in \"%s\": %s before: %s\n  after: %s\n", name_.c_str(), what, before.c_str(), after.c_str());
  }
  std::string name_, objects_;
  int descriptors_ = 0;
};
REGISTER_LISTENER("leaks", 1, LeakListener);

struct Arguments {
  int count;
  char** texts;
};

void* run(void* given) {
  const auto& arguments = *static_cast<Arguments*>(given);
  the_fixture = std::make_unique<Fixture>();
  doctest::Context context(arguments.count, arguments.texts);
  result = context.run();
  std::printf("[capi] misuse cases tried: %d, leaks: %d\n", misuse_cases_tried, leaks);
  the_fixture.reset();
  return nullptr;
}

}  // namespace

int misuse_cases_tried = 0;

Fixture& fixture() { return *the_fixture; }

int main(int count, char** texts) {
  Arguments arguments{count, texts};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
  pthread_attr_setstacksize(&attributes, 8 << 20);  // sanitizers make frames several times larger
#else
  pthread_attr_setstacksize(&attributes, 256 << 10);
#endif
  pthread_t thread;
  if (pthread_create(&thread, &attributes, run, &arguments) != 0) return 2;
  pthread_join(thread, nullptr);
  return result || leaks ? 1 : 0;
}
