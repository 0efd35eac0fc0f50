// Sessions: what is computed again and what is not, and that failures leave everything as it was.
#include "generate/session.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/files.hpp"
#include "generate/support.hpp"

using namespace llava::core;

namespace {

std::shared_ptr<Session> new_session(int64_t max_context = 0) {
  SessionOptions options;
  options.max_context = max_context;
  return Session::create(tiny(), options);
}

}  // namespace

TEST_SUITE("generate/session") {
  TEST_CASE("a second turn computes only what is new and gives what a fresh session gives") {
    const auto session = new_session();
    ask(*session, question("What is this?", picture("wide.jpg")));
    const auto before = session->stats();
    CHECK(before.images_encoded == 1);
    const auto second = ask(*session, question("And why?"));
    const auto after = session->stats();
    CHECK(second.usage.cached_tokens > 0);
    CHECK(after.tokens_computed - before.tokens_computed ==
          second.usage.prompt_tokens - second.usage.cached_tokens + second.usage.completion_tokens - 1);
    CHECK(after.images_encoded == 1);

    const auto fresh = new_session();
    std::vector<Turn> past;
    for (int64_t i = 0; i < 2; ++i) past.push_back(session->turn(i));
    fresh->set_turns(past);
    const auto again = ask(*fresh, question("And why?"));
    CHECK(again.usage.cached_tokens == 0);
    CHECK(again.ids == second.ids);
    CHECK(again.usage.prompt_tokens == second.usage.prompt_tokens);
  }

  TEST_CASE("the same picture is encoded once, also when an answer is made anew") {
    const auto session = new_session();
    const auto image = picture("palette.png");
    const auto first = ask(*session, question("Look.", image));
    session->rewind(0);
    const auto second = ask(*session, question("Look.", image));
    CHECK(session->stats().images_encoded == 1);
    CHECK(session->stats().image_hits == 1);
    CHECK(second.ids == first.ids);
    CHECK(second.usage.cached_tokens == second.usage.prompt_tokens - 1);
  }

  TEST_CASE("who asks how many turns there are stands in nobody's way") {
    const auto session = new_session();
    std::atomic<bool> over{false};
    std::thread watcher([&] {
      while (!over) {
        try {
          session->turn_count();
        } catch (const Error&) {  // busy
        }
      }
    });
    for (int i = 0; i < 20000; ++i) CHECK_NOTHROW(session->reset());
    over = true;
    watcher.join();
  }

  TEST_CASE("a fork goes its own way") {
    const auto session = new_session();
    ask(*session, question("One."));
    const auto copy = session->fork();
    const auto a = ask(*session, question("Two."));
    const auto b = ask(*copy, question("Two."));
    CHECK(a.ids == b.ids);
    copy->rewind(0);
    CHECK(session->turn_count() == 4);
    CHECK(copy->turn_count() == 0);
  }

  TEST_CASE("history is saved with its pictures and goes on where it was") {
    const auto path = (std::filesystem::temp_directory_path() / "llava_session_test.safetensors").string();
    const auto session = new_session();
    ask(*session, question("What is this?", picture("wide.jpg")));
    session->save(path);
    const auto opened = Session::load(tiny(), path);
    CHECK(opened->history_json() == session->history_json());
    CHECK(ask(*opened, question("Go on.")).ids == ask(*session, question("Go on.")).ids);
    CHECK(opened->stats().images_encoded == 0);
    const auto other = load_bundle(LLAVA_TEST_DATA "/golden/model/tiny_new", {});
    CHECK(error_of([&] { Session::load(other, path); }).status() == Status::unsupported);
    std::filesystem::remove(path);
  }

  TEST_CASE("a context that is too small says how much is needed and nothing changes") {
    const auto session = new_session(200);
    const auto error = error_of([&] { ask(*session, question(std::string(400, 'x'))); });
    CHECK(error.status() == Status::context_full);
    CHECK(error.details().size() == 3);
    CHECK(session->turn_count() == 0);
  }

  TEST_CASE("the answer ends where the context does") {
    const auto session = new_session();
    auto options = greedy(-1);
    options.ignore_eos = true;
    const auto response = ask(*session, question("Long."), options);
    CHECK(response.reason == FinishReason::context);
    CHECK(response.usage.prompt_tokens + response.usage.completion_tokens == session->context());
  }

  TEST_CASE("a cancelled answer leaves the session as before and the next one is the same") {
    const auto session = new_session();
    ask(*session, question("First.", picture("tall.png")));
    const auto history = session->history_json();
    const auto twin = session->fork();
    CancelToken token;
    auto options = greedy();
    options.cancel = &token;
    {
      auto generation = session->start(question("Second."), options);
      for (int i = 0; i < 3; ++i) generation->next();
      token.cancel();
      CHECK(error_of([&] { generation->finish(); }).status() == Status::cancelled);
      CHECK(error_of([&] { generation->next(); }).status() == Status::cancelled);
    }
    CHECK(session->history_json() == history);
    CHECK(ask(*session, question("Second.")).ids == ask(*twin, question("Second.")).ids);
  }

  TEST_CASE("a kept partial answer is part of the history") {
    const auto session = new_session();
    CancelToken token;
    auto options = greedy();
    options.cancel = &token;
    options.keep_on_cancel = true;
    options.ignore_eos = true;
    auto generation = session->start(question("Say."), options);
    for (int tokens = 0; tokens < 3;) tokens += generation->next()->id >= 0;
    token.cancel();
    const auto response = generation->finish();
    CHECK(response.reason == FinishReason::cancelled);
    CHECK(response.ids.size() == 3);
    CHECK(session->turn_count() == 2);
  }

  TEST_CASE("dropping an open generation frees the session; while it is open others are busy") {
    const auto session = new_session();
    {
      const auto open = session->start(question("Q."), greedy());
      CHECK(error_of([&] { session->rewind(0); }).status() == Status::busy);
      CHECK(error_of([&] { session->start(question("R."), greedy()); }).status() == Status::busy);
      CHECK(session->stats().turns == 0);
    }
    CHECK(session->turn_count() == 0);
  }

  TEST_CASE("append computes ahead: the answer only adds the rest") {
    const auto session = new_session();
    Turn image;
    image.parts = question("", picture("wide.jpg")).parts;
    image.parts.pop_back();
    session->append(image, nullptr, -1);
    const auto response = ask(*session, question("What is this?"));
    CHECK(response.usage.cached_tokens >= response.usage.image_tokens);
    const auto plain = new_session();
    CHECK(ask(*plain, question("What is this?", picture("wide.jpg"))).ids == response.ids);
  }

  TEST_CASE("stop ids, token limits and seeds do what they say") {
    const auto session = new_session();
    auto options = greedy(5);
    options.ignore_eos = true;
    const auto five = ask(*session, question("Q."), options);
    CHECK(five.reason == FinishReason::length);
    REQUIRE(five.ids.size() == 5);
    session->rewind(0);
    options.stop_ids = {five.ids[2]};
    const auto stopped = ask(*session, question("Q."), options);
    CHECK(stopped.reason == FinishReason::stop);
    CHECK(stopped.ids.back() == five.ids[2]);

    ChatOptions draws;
    draws.sampling.temperature = 1;
    draws.sampling.seed = 11;
    draws.max_tokens = 12;
    const auto a = new_session(), b = new_session();
    const auto first = ask(*a, question("Q."), draws), second = ask(*b, question("Q."), draws);
    CHECK(first.ids == second.ids);
    CHECK(first.seed == 11);
  }

  TEST_CASE("a raw token outside the vocabulary is refused by position") {
    Turn turn;
    TurnPart part;
    part.kind = TurnPart::Kind::ids;
    part.ids = {1, 99999};
    turn.parts.push_back(part);
    const auto session = new_session();
    CHECK(error_of([&] { ask(*session, turn); }).message().find("ids[1] is 99999") != std::string::npos);
  }
}
