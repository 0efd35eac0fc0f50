// Objects of llava.hpp and of the C interface over their whole lives: any order of closing, use afterwards, other threads that
// still work, a prefill that is cancelled, and rounds without end that must leave nothing behind.
#include <unistd.h>
#include <llava/llava.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

#include "cpp_support.hpp"

namespace {

// A bit of everything, with failures now and then; what is made goes at the end of its scope.
void round_in_cpp(const llava::Model& model, bool fail) {
  llava::Session session(model);
  const llava::Image image(fixture().picture_path);
  const auto embedding = model.encode(image);
  CHECK(embedding.tensor().to_floats().size() > 0);
  auto stream = session.stream(llava::user(image, "hi"), greedy(2));
  for (const llava::Event& event : stream) CHECK(event.get() != nullptr);
  CHECK(stream.finish().tokens().size() == 2);
  const std::vector<int32_t> ids = {1, 5};
  CHECK(model.forward(ids).shape().size() == 2);
  CHECK(session.fork().turn_count() == 2);
  if (!fail) return;
  CHECK(code_of([&] { session.chat(std::string(100000, 'x')); }) == LLAVA_ERR_CONTEXT_FULL);
  auto options = greedy(2);
  options.on_event = [](const llava::Event&) -> llava::Reply { throw std::range_error("mine"); };
  CHECK_THROWS_AS(session.chat("hi", options), std::range_error);
  CHECK(code_of([] { llava::load("/nonexistent"); }) == LLAVA_ERR_NOT_FOUND);
}

void round_in_c(llava_model* model, bool fail) {
  auto& f = fixture();
  Owned<llava_session> session, copy;
  Owned<llava_image> image;
  Owned<llava_embedding> embedding;
  Owned<llava_tensor> rows;
  Owned<llava_response> answer;
  REQUIRE(llava_session_create(model, nullptr, session.out()) == LLAVA_OK);
  REQUIRE(llava_image_from_file(f.picture_path.c_str(), nullptr, image.out()) == LLAVA_OK);
  REQUIRE(llava_encode_image(model, image, nullptr, embedding.out()) == LLAVA_OK);
  REQUIRE(llava_embedding_tensor(embedding, rows.out()) == LLAVA_OK);
  const auto options = short_chat(2);
  REQUIRE(llava_chat(session, f.message, &options, answer.out()) == LLAVA_OK);
  Owned<llava_stream> stream;
  REQUIRE(llava_chat_start(session, f.message, &options, stream.out()) == LLAVA_OK);
  Owned<llava_event> event;
  REQUIRE(llava_stream_next(stream, -1, event.out()) == LLAVA_OK);
  release(stream.handle);  // in the middle
  stream.handle = nullptr;
  REQUIRE(llava_session_fork(session, copy.out()) == LLAVA_OK);
  if (!fail) return;
  CHECK(llava_session_rewind(session, 99) != LLAVA_OK);
  CHECK(llava_chat(session, nullptr, nullptr, nullptr) == LLAVA_ERR_INVALID_ARGUMENT);
  Owned<llava_model> none;
  CHECK(llava_load("/nonexistent", nullptr, none.out()) == LLAVA_ERR_NOT_FOUND);
}

#if defined(__clang__)
#define LLAVA_TEST_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define LLAVA_TEST_SANITIZED 1
#else
#define LLAVA_TEST_SANITIZED 0
#endif
#if LLAVA_TEST_SANITIZED
constexpr bool kOwnMemory = false;  // freed memory stays with the sanitizer
#else
constexpr bool kOwnMemory = true;
#endif

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// A thousand rounds with LLAVA_FULL; may grow by what one round takes, not by a piece of every round.
template <typename Round>
void leaks_nothing(int divisor, Round&& round) {
  const int rounds = (std::getenv("LLAVA_FULL") ? 1000 : 100) / divisor;
  for (int i = 0; i < 20 / divisor + 1; ++i) round(i % 5 == 0);
  const auto objects = live_objects();
  const auto memory = resident_bytes();
  for (int i = 0; i < rounds; ++i) round(i % 5 == 0);
  CHECK(live_objects() == objects);
  if (kOwnMemory) CHECK(resident_bytes() - memory < (4 << 20));
}

}  // namespace

TEST_SUITE("capi/lifetime") {
  TEST_CASE("C++: every order of closing is right, twice too") {
    std::array<int, 5> order = {0, 1, 2, 3, 4};
    int orders = 0;
    do {
      auto model = the_model();
      llava::Session session(model);
      llava::Image image(fixture().picture_path);
      auto embedding = model.encode(image);
      auto stream = session.stream("hi", greedy(4));
      llava::Event event;
      REQUIRE(stream.next(event) == llava::Stream::Next::event);
      for (const int which : order)
        for (int twice = 0; twice < 2; ++twice) {
          if (which == 0) model.close();
          if (which == 1) session.close();
          if (which == 2) image.close();
          if (which == 3) embedding.close();
          if (which == 4) stream.close();
        }
      CHECK(event.get() != nullptr);  // outlives all
      ++orders;
    } while (std::next_permutation(order.begin(), order.end()));
    CHECK(orders == 120);
  }

  TEST_CASE("C++: use after close throws") {
    auto model = the_model();
    llava::Session session(model);
    llava::Image image(fixture().picture_path);
    auto stream = session.stream("hi", greedy(2));
    stream.close();
    session.close();
    image.close();
    model.close();
    llava::Event event;
    for (const auto& call : {std::function<void()>([&] { stream.next(event); }),
                             {[&] { stream.finish(); }},
                             {[&] { session.chat("hi"); }},
                             {[&] { session.turn_count(); }},
                             {[&] { session.fork(); }},
                             {[&] { image.pixels(); }},
                             {[&] { model.limits(); }},
                             {[&] { model.tokenize("hi"); }},
                             {[&] { llava::Session again(model); }}})
      CHECK(code_of(call) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("C++: objects that are closed here work on in another thread") {
    auto model = the_model();
    llava::Session session(model);
    const auto expected = llava::Session(model).chat("hi", greedy(30)).text();
    std::atomic<bool> begun = false;
    std::string text;
    std::thread other([session, &begun, &text]() mutable {
      auto options = greedy(30);
      options.on_event = [&](const llava::Event&) {
        begun = true;
        return llava::Reply::go_on;
      };
      text = session.chat("hi", options).text();
    });
    while (!begun) std::this_thread::yield();
    session.close();
    model.close();
    other.join();
    CHECK(text == expected);
  }

  TEST_CASE("C++: a prefill that is cancelled leaves the session as it was") {
    llava::Session session(the_model());
    session.chat("hi", greedy(2));
    const auto before = session.history_json();
    auto options = greedy(2);
    options.cancel = llava::Cancel::create();
    int prefills = 0;
    options.on_event = [&](const llava::Event& event) {
      if (event.type() == llava::EventType::prefill) {
        ++prefills;
        options.cancel.cancel();
      }
      CHECK(event.type() != llava::EventType::text);
      return llava::Reply::go_on;
    };
    std::string words;
    for (int i = 0; i < 12; ++i) words += "what is this ";
    CHECK(code_of([&] { session.chat(words, options); }) == LLAVA_ERR_CANCELLED);
    CHECK(prefills >= 1);
    CHECK(session.history_json() == before);
    CHECK(session.chat("hi", greedy(2)).tokens().size() == 2);
  }

  TEST_CASE("C++: two threads on two sessions answer as one does; on one session the second hears BUSY") {
    const auto model = the_model();
    const auto expected = llava::Session(model).chat("What is this?", greedy(24)).text();
    std::array<std::string, 2> texts;
    std::thread first([&] { texts[0] = llava::Session(model).chat("What is this?", greedy(24)).text(); });
    std::thread second([&] { texts[1] = llava::Session(model).chat("What is this?", greedy(24)).text(); });
    first.join();
    second.join();
    CHECK(texts[0] == expected);
    CHECK(texts[1] == expected);

    llava::Session shared(model);
    auto options = greedy(8);
    std::optional<llava_status> heard;
    options.on_event = [&](const llava::Event&) {
      if (!heard) std::thread([&] { heard = code_of([&] { llava::Session(shared).chat("me too"); }); }).join();
      return llava::Reply::go_on;
    };
    shared.chat("hi", options);
    CHECK(heard == LLAVA_ERR_BUSY);
    CHECK(shared.turn_count() == 2);
  }

  TEST_CASE("C++: rounds leak neither objects nor memory") {
    const auto model = the_model();
    leaks_nothing(1, [&](bool fail) { round_in_cpp(model, fail); });
  }

  TEST_CASE("C: rounds leak neither objects nor memory") {
    leaks_nothing(1, [](bool fail) { round_in_c(fixture().model, fail); });
  }

  TEST_CASE("models leak neither objects nor memory") {
    leaks_nothing(5, [](bool) { llava::Session(llava::load(fixture().model_path)).append(llava::user("hi")); });
  }
}
