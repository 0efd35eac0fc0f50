// Errors, versions, texts, handles, cancel tokens, the log.
#include <atomic>
#include <csignal>
#include <thread>

#include "base/status.hpp"
#include "fixture.hpp"

namespace {

struct Heard {
  int calls = 0;
  int destroyed = 0;
  std::string last;
  int32_t answer = 0;
  bool throws = false;
  llava_status inner = LLAVA_OK;
};

int32_t hear(int32_t, const char* message, void* user_data) {
  auto& heard = *static_cast<Heard*>(user_data);
  ++heard.calls;
  heard.last = message;
  llava_cancel* token = nullptr;
  heard.inner = llava_cancel_create(&token);
  if (heard.throws) throw 7;
  return heard.answer;
}

void forget(void* user_data) { ++static_cast<Heard*>(user_data)->destroyed; }

llava_cancel* signalled = nullptr;
volatile sig_atomic_t answered = 0;

void free_twice() {
  auto* token = fixture().fresh(static_cast<llava_cancel*>(nullptr));
  llava_cancel_free(token);
  llava_cancel_free(token);
}

std::string error_json() {
  size_t needed = 0;
  CHECK(llava_last_error_json(nullptr, 0, &needed) == LLAVA_OK);
  std::string text(needed, '\0');
  CHECK(llava_last_error_json(text.data(), text.size(), &needed) == LLAVA_OK);
  text.pop_back();
  return text;
}

}  // namespace

TEST_SUITE("capi/base") {
  TEST_CASE("the numbers of the header are those of the core") {
    const std::pair<int32_t, const char*> all[] = {{LLAVA_OK, "OK"},
                                                   {LLAVA_ERR_INVALID_ARGUMENT, "INVALID_ARGUMENT"},
                                                   {LLAVA_ERR_STATE, "STATE"},
                                                   {LLAVA_ERR_BUSY, "BUSY"},
                                                   {LLAVA_ERR_NOT_FOUND, "NOT_FOUND"},
                                                   {LLAVA_ERR_IO, "IO"},
                                                   {LLAVA_ERR_FORMAT, "FORMAT"},
                                                   {LLAVA_ERR_UNSUPPORTED, "UNSUPPORTED"},
                                                   {LLAVA_ERR_ABI, "ABI"},
                                                   {LLAVA_ERR_OUT_OF_MEMORY, "OUT_OF_MEMORY"},
                                                   {LLAVA_ERR_DEVICE_MEMORY, "DEVICE_MEMORY"},
                                                   {LLAVA_ERR_DEVICE, "DEVICE"},
                                                   {LLAVA_ERR_CONTEXT_FULL, "CONTEXT_FULL"},
                                                   {LLAVA_ERR_LIMIT, "LIMIT"},
                                                   {LLAVA_ERR_CANCELLED, "CANCELLED"},
                                                   {LLAVA_ERR_TIMEOUT, "TIMEOUT"},
                                                   {LLAVA_ERR_CALLBACK, "CALLBACK"},
                                                   {LLAVA_ERR_BUFFER_TOO_SMALL, "BUFFER_TOO_SMALL"},
                                                   {LLAVA_ERR_GRAMMAR, "GRAMMAR"},
                                                   {LLAVA_ERR_DISTRIBUTED, "DISTRIBUTED"},
                                                   {LLAVA_ERR_DIVERGED, "DIVERGED"},
                                                   {LLAVA_END, "END"},
                                                   {LLAVA_WOULD_BLOCK, "WOULD_BLOCK"},
                                                   {LLAVA_ERR_INTERNAL, "INTERNAL"}};
    for (const auto& [number, name] : all) CHECK(std::string(llava_status_name(number)) == name);
    for (const int32_t number : {-1, 23, 98, 100, INT32_MAX})
      CHECK(std::string(llava_status_name(number)) == "UNKNOWN");
    int retryable = 0;
    for (int32_t number = -5; number < 120; ++number) retryable += llava_status_is_retryable(number);
    CHECK(retryable == 5);
  }

  TEST_CASE("the last error is empty when nothing failed, and survives calls that succeed") {
    llava_clear_error();
    CHECK(std::string(llava_last_error()).empty());
    CHECK(llava_last_error_status() == LLAVA_OK);
    CHECK(error_json() == "{}");
    llava_image* image = nullptr;
    CHECK(llava_image_from_file("/nonexistent/a.png", nullptr, &image) == LLAVA_ERR_NOT_FOUND);
    Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
    CHECK(llava_last_error_status() == LLAVA_ERR_NOT_FOUND);
    CHECK(std::string(llava_last_error()).find("/nonexistent/a.png") != std::string::npos);
    std::thread([] { CHECK(llava_last_error_status() == LLAVA_OK); }).join();
  }

  TEST_CASE("the last error as JSON holds code, function and numbers") {
    int32_t ids[4];
    size_t count = 0;
    REQUIRE(llava_tokenize(fixture().model, "some longer words", 0, nullptr, 0, &count) == LLAVA_OK);
    REQUIRE(count > 1);
    CHECK(llava_tokenize(fixture().model, "some longer words", 0, ids, 1, &count) == LLAVA_ERR_BUFFER_TOO_SMALL);
    CHECK(count > 1);
    const auto json = error_json();
    CHECK(json.find("\"code\":17") != std::string::npos);
    CHECK(json.find("\"function\":\"llava_tokenize\"") != std::string::npos);
    CHECK(json.find("\"needed\":" + std::to_string(count)) != std::string::npos);
    char small[4];
    size_t needed = 0;
    CHECK(llava_last_error_json(small, sizeof small, &needed) == LLAVA_ERR_BUFFER_TOO_SMALL);
    CHECK(needed == json.size() + 1);
    CHECK(llava_last_error_status() == LLAVA_ERR_BUFFER_TOO_SMALL);
  }

  TEST_CASE("a long message is cut between characters") {
    const std::string path = "/" + std::string(1500, 'a') + "\xC3\xA4";
    llava_image* image = nullptr;
    CHECK(llava_image_from_file(path.c_str(), nullptr, &image) != LLAVA_OK);
    CHECK(std::string(llava_last_error()).size() <= 1023);
  }

  TEST_CASE("versions fit") {
    CHECK(std::string(llava_version()) == LLAVA_VERSION);
    CHECK(llava_version_number() == LLAVA_VERSION_NUMBER);
    CHECK(llava_abi_version() == LLAVA_ABI_VERSION);
    CHECK(LLAVA_CHECK_ABI() == LLAVA_OK);
    CHECK(std::string(llava_build_info_json()).find("\"torch\":\"2.11.0\"") != std::string::npos);
    CHECK(llava_has_feature("chat") == 1);
    CHECK(llava_has_feature("train") == 1);
    CHECK(llava_has_feature("no such thing") == 0);
  }

  TEST_CASE("a second free changes nothing and is told") {
    REQUIRE(llava_log_set_level(LLAVA_LOG_ERROR) == LLAVA_OK);
    llava_clear_error();
    free_twice();
    CHECK(llava_last_error_status() == LLAVA_ERR_INVALID_ARGUMENT);
    Owned<llava_string> lines;
    REQUIRE(llava_log_drain(lines.out()) == LLAVA_OK);
    CHECK(std::string(llava_string_data(lines)).find("llava_cancel_free") != std::string::npos);
    REQUIRE(llava_log_set_level(LLAVA_LOG_OFF) == LLAVA_OK);
  }

  TEST_CASE("each reference is freed once") {
    auto* token = fixture().fresh(static_cast<llava_cancel*>(nullptr));
    REQUIRE(llava_cancel_retain(token) == LLAVA_OK);
    llava_cancel_free(token);
    CHECK(llava_cancel_is_cancelled(token) == 0);
    CHECK(llava_cancel_cancel(token) == LLAVA_OK);
    llava_cancel_free(token);
    CHECK(llava_cancel_cancel(token) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("a freed handle stays known for four thousand later ones") {
    auto* token = fixture().freed<llava_cancel>();
    for (int i = 0; i < 4000; ++i) fixture().freed<llava_cancel>();
    CHECK(llava_cancel_cancel(token) == LLAVA_ERR_INVALID_ARGUMENT);
    for (int i = 0; i < 5000; ++i) fixture().freed<llava_cancel>();  // and the pool does not grow for ever
  }

  TEST_CASE("handles may be made, shared and freed by many threads") {
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    auto* shared = fixture().fresh(static_cast<llava_cancel*>(nullptr));
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) {
          failures += llava_cancel_retain(shared) != LLAVA_OK;
          auto* own = fixture().fresh(static_cast<llava_cancel*>(nullptr));
          failures += llava_cancel_cancel(own) != LLAVA_OK;
          llava_cancel_free(own);
          llava_cancel_free(shared);
        }
      });
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(llava_cancel_is_cancelled(shared) == 0);
    llava_cancel_free(shared);
  }

  TEST_CASE("cancel tokens: twice, reset, deadlines") {
    Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
    CHECK(llava_cancel_cancel(token) == LLAVA_OK);
    CHECK(llava_cancel_cancel(token) == LLAVA_OK);
    CHECK(llava_cancel_is_cancelled(token) == 1);
    auto options = defaults<llava_image_options>();
    options.cancel = token;
    llava_image* image = nullptr;
    CHECK(llava_image_from_file(fixture().picture_path.c_str(), &options, &image) == LLAVA_ERR_CANCELLED);
    CHECK(llava_cancel_reset(token) == LLAVA_OK);
    CHECK(llava_cancel_set_deadline_ms(token, 0) == LLAVA_OK);
    CHECK(llava_image_from_file(fixture().picture_path.c_str(), &options, &image) == LLAVA_ERR_TIMEOUT);
    CHECK(llava_cancel_set_deadline_ms(token, -1) == LLAVA_OK);
    CHECK(llava_image_from_file(fixture().picture_path.c_str(), &options, &image) == LLAVA_OK);
    llava_image_free(image);
  }

  TEST_CASE("a log callback hears, may not call in, and is destroyed once") {
    Heard heard;
    REQUIRE(llava_log_set(hear, LLAVA_LOG_ERROR, &heard, forget) == LLAVA_OK);
    free_twice();
    CHECK(heard.calls == 1);
    CHECK(heard.last.find("freed") != std::string::npos);
    CHECK(heard.inner == LLAVA_ERR_STATE);
    REQUIRE(llava_log_set(nullptr, LLAVA_LOG_OFF, nullptr, nullptr) == LLAVA_OK);
    CHECK(heard.destroyed == 1);
  }

  TEST_CASE("a signal handler cancels, also while its thread is inside a log callback") {
    Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
    signalled = token;
    answered = LLAVA_ERR_INTERNAL;
    struct sigaction action = {}, former = {};
    action.sa_handler = [](int) { answered = llava_cancel_cancel(signalled); };
    REQUIRE(sigaction(SIGUSR1, &action, &former) == 0);
    const auto raise_signal = [](int32_t, const char*, void*) -> int32_t { return raise(SIGUSR1); };
    REQUIRE(llava_log_set(raise_signal, LLAVA_LOG_ERROR, nullptr, nullptr) == LLAVA_OK);
    free_twice();
    REQUIRE(llava_log_set(nullptr, LLAVA_LOG_OFF, nullptr, nullptr) == LLAVA_OK);
    REQUIRE(sigaction(SIGUSR1, &former, nullptr) == 0);
    CHECK(answered == LLAVA_OK);
    CHECK(llava_cancel_is_cancelled(token) == 1);
  }

  TEST_CASE("cancelling a token that another thread frees is safe, and the object goes") {
    const auto before = live_objects();
    std::atomic<llava_cancel*> current{nullptr};
    std::atomic<bool> done{false};
    std::thread other([&] {
      while (!done) (void)llava_cancel_cancel(current.load());
    });
    for (int i = 0; i < 20000; ++i) {
      auto* token = fixture().fresh(static_cast<llava_cancel*>(nullptr));
      current = token;
      llava_cancel_free(token);
    }
    done = true;
    other.join();
    fixture().freed<llava_cancel>();  // what the other thread could not free goes with the next call
    CHECK(live_objects() == before);
  }

  TEST_CASE("a log callback that keeps failing is no longer called") {
    for (const bool throws : {true, false}) {
      Heard heard;
      heard.throws = throws;
      heard.answer = -1;
      REQUIRE(llava_log_set(hear, LLAVA_LOG_ERROR, &heard, forget) == LLAVA_OK);
      for (int i = 0; i < 150; ++i) free_twice();
      CHECK(heard.calls == 100);
      REQUIRE(llava_log_set(nullptr, LLAVA_LOG_OFF, nullptr, nullptr) == LLAVA_OK);
    }
  }

  TEST_CASE("devices are counted from the CPU on") {
    CHECK(llava_device_count() >= 1);
    Sized<llava_device_desc> desc;
    REQUIRE(llava_device_info(0, desc.get()) == LLAVA_OK);
    CHECK(std::string(desc->id) == "cpu");
    CHECK(desc->total_bytes > 0);
    CHECK(desc->threads >= 1);
    Sized<llava_device_usage> usage;
    REQUIRE(llava_device_memory(0, usage.get()) == LLAVA_OK);
    CHECK(usage->used_bytes > 0);
    CHECK(usage->peak_bytes >= usage->used_bytes / 2);
    int32_t device = 9;
    CHECK(llava_device_parse("gpu", &device) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(llava_device_parse("", &device) == LLAVA_ERR_INVALID_ARGUMENT);
    if (!llava_has_feature("cuda")) CHECK(llava_device_parse("cuda:0", &device) == LLAVA_ERR_UNSUPPORTED);
    CHECK(llava_trim(-1) == LLAVA_OK);
    double bytes_per_second = -1;
    CHECK(llava_device_bandwidth(99, &bytes_per_second) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(bytes_per_second == 0);
    CHECK(llava_device_bandwidth(0, nullptr) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(llava_device_bandwidth(0, &bytes_per_second) == LLAVA_OK);
    CHECK(bytes_per_second > 1e8);
  }
}
