// A good guest: threads, fork, silence, state of the process, the cost of a refusal.
#include <fcntl.h>
#include <fenv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <clocale>
#include <csignal>
#include <filesystem>
#include <thread>

#include "fixture.hpp"

namespace {

llava_session* new_session() {
  llava_session* session = nullptr;
  REQUIRE(llava_session_create(fixture().model, nullptr, &session) == LLAVA_OK);
  return session;
}

// Load, look, talk, fail in several ways, clean up.
void use_everything() {
  auto& f = fixture();
  Owned<llava_model> model;
  CHECK(llava_load(f.model_path.c_str(), nullptr, model.out()) == LLAVA_OK);
  CHECK(llava_load("/nonexistent", nullptr, model.out()) == LLAVA_ERR_NOT_FOUND);
  Owned<llava_embedding> embedding;
  CHECK(llava_encode_image(f.model, f.image, nullptr, embedding.out()) == LLAVA_OK);
  Owned<llava_session> session(new_session());
  Owned<llava_response> answer;
  const auto options = short_chat(4);
  CHECK(llava_chat(session, f.message, &options, answer.out()) == LLAVA_OK);
  CHECK(llava_chat(nullptr, f.message, &options, answer.out()) == LLAVA_ERR_INVALID_ARGUMENT);
  llava_cancel_free(f.freed<llava_cancel>());
  Owned<llava_image> image;
  CHECK(llava_image_from_memory("abcdefgh", 8, nullptr, image.out()) == LLAVA_ERR_FORMAT);
}

// What the process looks like to its host.
struct Snapshot {
  struct sigaction actions[65] = {};
  sigset_t mask;
  std::string locale, folder;
  mode_t umask_bits;
  int rounding;
  std::string environment;

  Snapshot() {
    for (int number = 1; number <= 64; ++number) sigaction(number, nullptr, &actions[number]);
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    locale = std::setlocale(LC_ALL, nullptr);
    folder = std::filesystem::current_path();
    umask_bits = ::umask(0);
    ::umask(umask_bits);
    rounding = fegetround();
    for (char** entry = environ; *entry; ++entry) environment += std::string(*entry) + '\n';
  }
};

void compare(const Snapshot& before, const Snapshot& after) {
  for (int number = 1; number <= 64; ++number) {
    CAPTURE(number);
    CHECK((before.actions[number].sa_handler == after.actions[number].sa_handler));
    CHECK(before.actions[number].sa_flags == after.actions[number].sa_flags);
  }
  for (int number = 1; number <= 64; ++number)
    CHECK(sigismember(&before.mask, number) == sigismember(&after.mask, number));
  CHECK(before.locale == after.locale);
  CHECK(before.folder == after.folder);
  CHECK(before.umask_bits == after.umask_bits);
  CHECK(before.rounding == after.rounding);
  CHECK(before.environment == after.environment);
}

// Runs `work` with descriptors 1 and 2 on a file; returns what was written there.
template <typename Work>
std::string written_by(Work&& work) {
  const auto path = fixture().folder + "/output";
  std::fflush(nullptr);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const int out = ::dup(1), err = ::dup(2);
  ::dup2(file, 1);
  ::dup2(file, 2);
  work();
  std::fflush(nullptr);
  ::dup2(out, 1);
  ::dup2(err, 2);
  std::string text(static_cast<size_t>(::lseek(file, 0, SEEK_END)), '\0');
  CHECK(::pread(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  for (const int number : {file, out, err}) ::close(number);
  return text;
}

// Runs `check` in a child process; true when it returned true.
template <typename Check>
bool in_child(Check&& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_SUITE("capi/process") {
  TEST_CASE("nothing is printed, failures included") { CHECK(written_by(use_everything).empty()); }

  TEST_CASE("signals, locale, folder, umask, rounding and environment stay as they are") {
    const Snapshot before;
    use_everything();
    compare(before, Snapshot());
  }

  TEST_CASE("the child of a fork is told STATE, may read errors, and may free") {
    auto& f = fixture();
    CHECK(in_child([&] {
      Owned<llava_session> session;
      const bool refused = llava_session_create(f.model, nullptr, session.out()) == LLAVA_ERR_STATE;
      const bool told = llava_last_error_status() == LLAVA_ERR_STATE && *llava_last_error() != '\0';
      llava_model_free(f.model);
      return refused && told && llava_event_type(f.event) == -1 && llava_version() != nullptr;
    }));
    CHECK(llava_device_count() >= 1);
  }

  TEST_CASE("after a shutdown only freeing, errors and versions work") {
    // in a process of its own that has not used the library before: the test program starts itself
    const auto program = std::filesystem::read_symlink("/proc/self/exe").string() + "_guest";
    if (!std::filesystem::exists(program)) return;
    for (const char* what :
         {"shutdown", "exit-with-handles", "exit-with-static-objects", "closed-streams", "exit-in-call"}) {
      const std::string way = what;
      CAPTURE(way);
      CHECK(std::system((program + " " + what + " " + fixture().model_path).c_str()) == 0);
    }
  }

  TEST_CASE("the second thread on one session or stream gets BUSY at once") {
    Owned<llava_session> session(new_session());
    std::atomic<bool> inside{false}, go{false};
    struct Both {
      std::atomic<bool>&inside, &go;
    } both{inside, go};
    auto options = short_chat(2);
    options.event_user_data = &both;
    options.event = [](const llava_event*, void* user_data) -> int32_t {
      auto& flags = *static_cast<Both*>(user_data);
      flags.inside = true;
      while (!flags.go) std::this_thread::yield();
      return 0;
    };
    llava_status first = LLAVA_OK;
    std::thread worker([&] {
      Owned<llava_response> answer;
      first = llava_chat(session, fixture().message, &options, answer.out());
    });
    while (!inside) std::this_thread::yield();
    Owned<llava_response> answer;
    CHECK(llava_chat(session, fixture().message, nullptr, answer.out()) == LLAVA_ERR_BUSY);
    CHECK(llava_set_threads(1) == LLAVA_ERR_BUSY);
    CHECK(llava_shutdown() == LLAVA_ERR_BUSY);
    Sized<llava_session_usage> usage;
    CHECK(llava_session_stats(session, usage.get()) == LLAVA_OK);
    CHECK(llava_session_retain(session) == LLAVA_OK);
    llava_session_free(session);
    go = true;
    worker.join();
    CHECK(first == LLAVA_OK);
  }

  TEST_CASE("two sessions of one model answer at the same time, each its own") {
    const auto expected = [] {
      Owned<llava_session> session(new_session());
      Owned<llava_response> answer;
      const auto options = short_chat(12);
      REQUIRE(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
      return std::string(llava_response_text(answer, 0));
    }();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 5; ++i) {
          llava_session* raw = nullptr;
          wrong += llava_session_create(fixture().model, nullptr, &raw) != LLAVA_OK;
          Owned<llava_session> session(raw);
          Owned<llava_response> answer;
          const auto options = short_chat(12);
          wrong += llava_chat(session, fixture().message, &options, answer.out()) != LLAVA_OK;
          wrong += llava_response_text(answer, 0) != expected;
        }
      });
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
  }

  TEST_CASE("a session freed by another thread ends after its call") {
    auto* session = new_session();
    std::atomic<bool> inside{false};
    auto options = short_chat(30);
    options.event_user_data = &inside;
    options.event = [](const llava_event*, void* user_data) -> int32_t {
      *static_cast<std::atomic<bool>*>(user_data) = true;
      return 0;
    };
    std::thread other([&] {
      while (!inside) std::this_thread::yield();
      llava_session_free(session);
    });
    Owned<llava_response> answer;
    CHECK(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
    other.join();
  }

  TEST_CASE("cancel from another thread stops an answer") {
    Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
    Owned<llava_session> session(new_session());
    auto options = short_chat(100000);
    options.cancel = token;
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      CHECK(llava_cancel_cancel(token) == LLAVA_OK);
    });
    Owned<llava_response> answer;
    const auto status = llava_chat(session, fixture().message, &options, answer.out());
    other.join();
    CHECK((status == LLAVA_ERR_CANCELLED || status == LLAVA_OK));
  }

  TEST_CASE("exhausted descriptors are an IO error") {
    std::vector<int> files;
    int file;
    while (files.size() < 100000 && (file = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) files.push_back(file);
    Owned<llava_image> image;
    const auto status = llava_image_from_file(fixture().picture_path.c_str(), nullptr, image.out());
    for (const int number : files) ::close(number);
    CHECK(status == LLAVA_ERR_IO);
    CHECK(llava_image_from_file(fixture().picture_path.c_str(), nullptr, image.out()) == LLAVA_OK);
  }

  TEST_CASE("a decimal comma and another folder change nothing") {
    const std::string locale = std::setlocale(LC_ALL, nullptr);
    const auto folder = std::filesystem::current_path();
    std::setlocale(LC_ALL, "de_DE.UTF-8");
    std::filesystem::current_path("/");
    llava_chat_options options;
    REQUIRE(llava_chat_options_from_json(&options, sizeof options, "{\"temperature\": 0.5}", nullptr) == LLAVA_OK);
    CHECK(options.temperature == 0.5f);
    llava_string* json = nullptr;
    REQUIRE(llava_chat_options_to_json(&options, &json) == LLAVA_OK);
    CHECK(take(json).find("\"temperature\":0.5") != std::string::npos);
    std::filesystem::current_path(folder);
    std::setlocale(LC_ALL, locale.c_str());
  }

#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
  TEST_CASE("a refused call costs at most 20 microseconds") {
    Owned<llava_response> answer;
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
      const auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < 1000; ++i) CHECK_FALSE(llava_chat(nullptr, nullptr, nullptr, answer.out()) == LLAVA_OK);
      const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
      best = std::min(best, took.count() / 1000);
    }
    MESSAGE("a refused call took ", best, " microseconds");
    CHECK(best <= 20);
  }
#endif
}
