// Processes started, watched and ended.
#include "comm/launcher.hpp"

#include <signal.h>

#include <chrono>
#include <cstdlib>

#include "support/doctest.hpp"
#include "support/ranks.hpp"
#include "support/temporary_folder.hpp"

using namespace llava::core;
using std::chrono::milliseconds;

namespace {

LaunchOptions shell(const std::string& script, int64_t ranks) {
  LaunchOptions options;
  options.executable = "/bin/sh";
  options.arguments = {"-c", script};
  options.ranks = ranks;
  options.patience = options.grace = milliseconds(100);
  return options;
}

template <typename Call>
int64_t milliseconds_of(Call&& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_SUITE("comm/launcher") {
  TEST_CASE("each rank is told its place") {
    const TemporaryFolder folder;
    auto options = shell("echo $RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR $OMP_NUM_THREADS $EXTRA > " + folder.path() +
                             "/$RANK; echo $MASTER_PORT > " + folder.path() + "/port$RANK",
                         3);
    options.threads = 2;
    options.environment = {{"EXTRA", "word"}};
    const auto result = launch(options, {});
    CHECK_FALSE(result.first_failure.has_value());
    REQUIRE(result.ends.size() == 3);
    for (int rank = 0; rank < 3; ++rank)
      CHECK(testing::text_of_file(folder / std::to_string(rank)) == cat(rank, ' ', rank, " 3 127.0.0.1 2 word\n"));
    CHECK(testing::text_of_file(folder / "port0") == testing::text_of_file(folder / "port2"));
    CHECK(std::stoi(testing::text_of_file(folder / "port0")) > 0);
  }

  TEST_CASE("the first failure is told, and the others are ended") {
    const auto took = milliseconds_of([] {
      const auto result = launch(shell("[ $RANK = 1 ] && exit 7; exec sleep 100", 3), {});
      REQUIRE(result.first_failure.has_value());
      CHECK(text_of(*result.first_failure) == "rank 1 exited with code 7");
      CHECK(result.ends[0].signal == SIGTERM);
      CHECK(text_of(result.ends[2]) == "rank 2 was ended by signal 15 (Terminated)");
    });
    CHECK(took < 5000);
  }

  TEST_CASE("who does not hear SIGTERM hears SIGKILL, also when it is stopped") {
    const auto deaf = launch(shell("[ $RANK = 0 ] && kill -9 $$; trap '' TERM; while :; do sleep 0.05; done", 2), {});
    CHECK(text_of(*deaf.first_failure) == "rank 0 was ended by signal 9 (Killed)");
    CHECK(deaf.ends[1].signal == SIGKILL);
    const auto stopped = launch(shell("[ $RANK = 0 ] && exit 1; kill -STOP $$", 2), {});
    CHECK(stopped.ends[1].signal == SIGKILL);
  }

  TEST_CASE("a cancelled launch leaves nobody behind") {
    CancelToken token;
    token.set_deadline_ms(100);
    std::vector<pid_t> processes;
    auto options = shell("exec sleep 100", 2);
    options.started = [&](int64_t, pid_t process) { processes.push_back(process); };
    CHECK(error_of([&] { launch(options, Cancel(&token)); }).status() == Status::timeout);
    for (const auto process : processes) CHECK(::kill(process, 0) == -1);
  }

  TEST_CASE("children inherit no file of ours and no blocked signal") {
    const TemporaryFolder folder;
    sigset_t term, before;
    ::sigemptyset(&term);
    ::sigaddset(&term, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &term, &before);
    const auto count_files = [&](const std::string& name) {
      return "ls /proc/$$/fd | wc -l > " + folder.path() + "/" + name;
    };
    REQUIRE(std::system(count_files("before").c_str()) == 0);  // what this program was given by its own parent
    const auto result = launch(shell(count_files("files") + "; kill -TERM $$; sleep 5", 1), {});
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    CHECK(result.ends[0].signal == SIGTERM);
    CHECK(std::stoi(testing::text_of_file(folder / "files")) <= std::stoi(testing::text_of_file(folder / "before")));
  }

  TEST_CASE("what cannot be started is named") {
    auto options = shell("", 2);
    options.executable = "/nowhere/rank";
    const auto error = error_of([&] { launch(options, {}); });
    CHECK(error.status() == Status::not_found);
    CHECK(error.message() == "/nowhere/rank: cannot be started: No such file or directory");
    options.ranks = 0;
    CHECK(error_of([&] { launch(options, {}); }).status() == Status::argument);
    options.ranks = 1025;
    CHECK(error_of([&] { launch(options, {}); }).status() == Status::argument);
  }
}
