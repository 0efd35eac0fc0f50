// Real processes that talk to each other: every operation, and every way in which one of them can be lost.
#include "comm/gloo_comm.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/log.hpp"
#include "comm/agree.hpp"
#include "comm/sockets.hpp"
#include "support/doctest.hpp"
#include "support/ranks.hpp"
#include "support/temporary_folder.hpp"

using namespace llava::core;
using namespace llava::core::testing;
using std::chrono::milliseconds;

namespace {

/// Fast enough for a test, slow enough for two processors that have other work to do.
CommOptions quick() {
  CommOptions options;
  options.times.look = milliseconds(50);
  options.times.beat = milliseconds(200);
  options.times.silent = milliseconds(2000);
  options.times.stuck = milliseconds(1500);
  options.join = milliseconds(20'000);
  return options;
}

std::unique_ptr<Comm> connect(const CommOptions& options) {
  if (variable("TEST_FILE").empty()) return open_comm(place_from(), options);
  return open_comm(Board::over_file(variable("TEST_FILE")), number("RANK"), number("WORLD_SIZE"), options);
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What each rank but the lost one left: how long after the fault it ended, and with which words.
struct Ends {
  double latest = 0;
  std::vector<std::string> texts;
};

// Ranks exchange until one of them is lost in the way that TEST_FAULT says.
Ends ends_after(const std::string& fault, int64_t ranks, int64_t lost) {
  const TemporaryFolder folder;
  auto options =
      rank_options("rank: exchange until somebody is lost", ranks,
                   {{"TEST_FOLDER", folder.path()}, {"TEST_FAULT", fault}, {"TEST_LOST", std::to_string(lost)}});
  // a stopped rank ends only when it is killed, a sleeping one at the polite signal; for the others there is no hurry
  options.patience = milliseconds(fault == "stop" ? 2000 : fault == "sleep" ? 4000 : 10'000);
  options.grace = milliseconds(100);
  launch(options, {});
  Ends ends;
  const auto begin = text_of_file(folder / "begin");
  for (int64_t rank = 0; rank < ranks; ++rank) {
    if (rank == lost) continue;
    std::istringstream text(text_of_file(folder / cat("end-", rank)));
    double at = 1e300;
    text >> at;
    std::string words;
    std::getline(text, words);
    ends.latest = std::max(ends.latest, at - (begin.empty() ? 0 : std::stod(begin)));
    ends.texts.push_back(words);
  }
  return ends;
}

void check_all(const Ends& ends, const std::string& words) {
  for (const auto& text : ends.texts) {
    CAPTURE(text);
    CHECK(text.find(words) != std::string::npos);
  }
}

}  // namespace

TEST_SUITE("comm/gloo") {
  TEST_CASE("rank: all operations" * doctest::skip()) {
    if (!is_rank()) return;
    const auto comm = connect({});
    REQUIRE(comm);
    const auto rank = comm->rank(), size = comm->size();
    auto gathered = at::zeros({size * 3}, at::kDouble);
    comm->all_gather(gathered, at::full({3}, static_cast<double>(rank), at::kDouble));
    for (int64_t r = 0; r < size; ++r) CHECK(gathered[r * 3 + 2].item<double>() == static_cast<double>(r));
    auto in_place = at::full({size * 2}, -1.f);
    in_place.narrow(0, rank * 2, 2).fill_(static_cast<float>(rank));
    comm->all_gather(in_place, in_place.narrow(0, rank * 2, 2));
    for (int64_t r = 0; r < size; ++r) CHECK(in_place[r * 2 + 1].item<float>() == static_cast<float>(r));
    const auto sent = at::arange(size, at::kFloat) + static_cast<float>(100 * rank);
    auto received = at::zeros({size});
    comm->all_to_all(received, sent);
    for (int64_t r = 0; r < size; ++r) CHECK(received[r].item<float>() == static_cast<float>(100 * r + rank));
    auto shard = at::zeros({2});
    comm->reduce_scatter(shard, at::arange(size * 2, at::kFloat));
    CHECK(shard[1].item<float>() == static_cast<float>(size * (2 * rank + 1)));
    auto numbers = at::full({2}, rank + 1, at::kLong);
    comm->all_reduce(numbers, Reduce::max);
    CHECK(numbers[0].item<int64_t>() == size);
    comm->all_reduce(numbers, Reduce::sum);
    CHECK(numbers[1].item<int64_t>() == size * size);
    auto word = at::full({3}, rank, at::kLong);
    comm->broadcast(word, size - 1);
    CHECK(word[2].item<int64_t>() == size - 1);
    comm->barrier();
    CHECK(shared_text(comm.get(), cat("text of ", rank), 1) == "text of 1");
    CHECK(shared_text(comm.get(), "", 0).empty());
    CHECK(any_rank(comm.get(), rank == 1));
    CHECK_FALSE(any_rank(comm.get(), false));
    require_same(comm.get(), "seed", "7");
    const auto other = error_of([&] { require_same(comm.get(), "seed", rank == 1 ? "8" : "7"); });
    CHECK(other.message() == "seed differs: rank 0 has 7, rank 1 has 8");
    const auto failed = error_of([&] {
      together(comm.get(), [&] {
        if (rank == 1) throw Error(Status::io, "disk full");
      });
    });
    CHECK(failed.status() == Status::io);
    CHECK(failed.message() == (rank == 1 ? "disk full" : "rank 1: disk full"));
  }

  TEST_CASE("every operation on 2 and 4 ranks, met over TCP and over a file") {
    for (const int64_t ranks : {2, 4}) {
      const TemporaryFolder folder;
      const auto over_tcp = run_ranks("rank: all operations", ranks);
      CHECK_FALSE(over_tcp.first_failure.has_value());
      const auto over_file = run_ranks("rank: all operations", ranks, {{"TEST_FILE", folder / "board"}});
      CHECK_FALSE(over_file.first_failure.has_value());
    }
  }

  TEST_CASE("a rank alone uses nothing of this") {
    CHECK(open_comm(Place{}) == nullptr);
    together(nullptr, [] {});
    CHECK(shared_text(nullptr, "mine") == "mine");
  }

  TEST_CASE("rank: exchange until somebody is lost" * doctest::skip()) {
    if (!is_rank()) return;
    const auto fault = variable("TEST_FAULT");
    const auto end = [&](const std::string& text) {
      write_text(cat(variable("TEST_FOLDER"), "/end-", number("RANK")), cat(now_seconds(), ' ', text));
      ::_exit(3);  // as a failure: the launcher ends the rank that is stopped
    };
    try {
      auto options = fault == "kill" ? CommOptions{} : quick();
      if (fault == "leave") options.times.farewell = milliseconds(100);
      const auto comm = connect(options);
      auto in = at::zeros({comm->size() * 100'000}), out = at::zeros({comm->size() * 100'000});
      for (int round = 0;; ++round) {
        comm->progress(cat("round ", round), Doing::busy);
        if (comm->rank() == number("TEST_LOST") && round == 20) {
          write_text(variable("TEST_FOLDER") + "/begin", cat(now_seconds()));
          if (fault == "kill") ::raise(SIGKILL);
          if (fault == "stop") ::raise(SIGSTOP);
          if (fault == "sleep") ::signal(SIGTERM, SIG_DFL), std::this_thread::sleep_for(std::chrono::seconds(30));
          if (fault == "abort") comm->abort("the data file is gone");
          if (fault == "throw") throw std::runtime_error("anything");
          if (fault == "leave") return;
        }
        comm->all_to_all(out, in);
      }
    } catch (const Error& error) {
      end(error.status() == Status::distributed ? error.message() : "another status: " + error.message());
    } catch (const std::exception& error) {
      end(error.what());
    }
  }

  TEST_CASE("a killed rank ends the others within two seconds, and they know which it was") {
    for (const int64_t lost : {2, 0}) {
      CAPTURE(lost);
      const auto ends = ends_after("kill", 4, lost);
      check_all(ends, cat("rank ", lost, " is lost"));
      MESSAGE("rank " << lost << " killed: the last ended after " << ends.latest << " s");
      CHECK(ends.latest < 2.5);  // 2 s and what a loaded machine adds
    }
  }

  TEST_CASE("a stopped rank is named, also when it keeps the store") {
    for (const int64_t lost : {1, 0}) {
      CAPTURE(lost);
      const auto ends = ends_after("stop", 3, lost);
      check_all(ends, cat("rank ", lost, " is lost"));
      MESSAGE("rank " << lost << " stopped: the last ended after " << ends.latest << " s");
      CHECK(ends.latest < 7);
    }
  }

  TEST_CASE("a stuck rank is named with what it was at") {
    const auto ends = ends_after("sleep", 3, 1);
    check_all(ends, "rank 1 is stuck: no progress for ");
    check_all(ends, "round 20");
  }

  TEST_CASE("a rank that cannot go on says why, one that leaves is noticed") {
    check_all(ends_after("abort", 3, 1), "rank 1 stopped: the data file is gone");
    check_all(ends_after("throw", 3, 2), "rank 2 stopped: it ended with an error");
    check_all(ends_after("leave", 3, 1), "rank 1 has left before the others were done");
  }

  TEST_CASE("who waits at its end for the others is not taken for the one that is lost") {
    const TemporaryFolder folder;
    const auto board = [&] { return Board::over_file(folder / "board"); };
    auto first = std::make_unique<Watchdog>(board(), 0, 3, quick().times);
    Watchdog second(board(), 1, 3, quick().times);
    std::thread end([&] { first.reset(); });
    for (const auto look = board(); !look->has("gone/0");) std::this_thread::sleep_for(milliseconds(1));
    const auto verdict = second.lost("in a call");  // rank 2 has never been there
    end.join();
    CHECK(verdict.rank == 2);
    CHECK(verdict.text == "rank 2 is lost: it does not answer (in a call)");
  }

  TEST_CASE("who does not come is named, and who is there twice") {
    const TemporaryFolder folder;
    CommOptions options;
    options.join = milliseconds(100);
    auto error = error_of([&] { open_comm(Board::over_file(folder / "a"), 1, 3, options); });
    CHECK(error.status() == Status::distributed);
    CHECK(error.message() == "rank 0 of 3 did not come within 100 ms");
    error = error_of([&] { open_comm(Board::over_file(folder / "a"), 1, 3, options); });
    CHECK(error.message() == "two processes are rank 1 of 3");
    CHECK(error_of([&] { open_comm(Board::over_file(folder / "a"), 3, 3, options); }).status() == Status::argument);
  }

  TEST_CASE("nobody there, a port in use, no store, an address of the internet, a host that is none") {
    const auto taken = bound_socket("127.0.0.1", 0);
    const auto at = [&](const std::string& host, bool serve) {
      return error_of([&] { Board::over_tcp({host, port_of(taken), serve, "test"}, milliseconds(300)); });
    };
    CHECK(at("127.0.0.1", false).message().find("rank 0 does not answer at 127.0.0.1 port") == 0);
    CHECK(at("127.0.0.1", false).status() == Status::distributed);
    REQUIRE(::listen(taken.get(), 1) == 0);
    CHECK(at("127.0.0.1", true).message().find("Address already in use") != std::string::npos);
    CHECK(at("127.0.0.1", false).status() == Status::distributed);  // it accepts, and says nothing
    CHECK(at("8.8.8.8", false).message().find("LLAVA_ALLOW_PUBLIC_MASTER") != std::string::npos);
    CHECK(at("no such host", false).status() == Status::argument);
    CHECK_FALSE(is_public("192.168.3.4"));
    CHECK_FALSE(is_public("172.31.0.1"));
    CHECK(is_public("172.32.0.1"));
    CHECK_FALSE(is_public("fe80::1"));
    CHECK(is_public("2001:db8::1"));
  }

  TEST_CASE("strangers on the port do no harm") {
    int64_t port = 0;
    {
      const auto free = bound_socket("127.0.0.1", 0);
      port = port_of(free);
    }
    const Board::Address address{"127.0.0.1", port, true, "test"};
    const auto board = Board::over_tcp(address, milliseconds(2000));
    board->put("name", "text");
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(static_cast<uint16_t>(port));
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::vector<Descriptor> strangers;
    for (const auto* words : {"GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", ""}) {
      strangers.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
      REQUIRE(::connect(strangers.back().get(), reinterpret_cast<sockaddr*>(&place), sizeof place) == 0);
      CHECK(::send(strangers.back().get(), words, std::strlen(words), MSG_NOSIGNAL) >= 0);
    }
    const auto other = board->again();
    CHECK(other->get("name") == "text");
    CHECK_FALSE(other->has("nothing"));
    CHECK(board->put_first("first", "a") == "a");
    CHECK(other->put_first("first", "b") == "a");
    CHECK(other->add("number", 2) == 2);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);  // 127.0.0.2: the store listens where it was told to
    const Descriptor elsewhere(::socket(AF_INET, SOCK_STREAM, 0));
    CHECK(::connect(elsewhere.get(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0);
  }

  TEST_CASE("a wait for others is told: for whom, and how long so far") {
    std::string lines;
    set_log_sink([&](LogLevel, std::string_view line) { lines.append(line).append("\n"); }, LogLevel::warning);
    const TemporaryFolder folder;
    auto options = quick();
    options.join = milliseconds(300);
    options.notice = milliseconds(20);
    auto board = Board::over_file(folder / "board");
    board->put("joined/2", "");
    CHECK(error_of([&] { open_comm(std::move(board), 0, 4, options); }).message() ==
          "rank 1 of 4 did not come within 300 ms");
    set_log_sink({});
    CHECK(lines.find("waits for ranks 1, 3 of 4 (0 s so far)") != std::string::npos);
    CHECK(std::count(lines.begin(), lines.end(), '\n') <= 4);  // each three times as late as the one before
  }
}
