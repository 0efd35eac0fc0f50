// How an answer ends, what it tells on the way, and when it becomes the session's.
#include <cmath>
#include <limits>
#include <thread>

#include "generate/support.hpp"

using namespace llava::core;

namespace {

// Always the same id.
ChatOptions only(int32_t id, int64_t max_tokens) {
  auto options = greedy(max_tokens);
  options.sampling.logit_bias = {{id, 1e6f}};
  return options;
}

const Variant& with_end_mark() {
  static const Variant variant("tokenizer_config.json", "\"301\": {",
                               "\"302\": {\"content\": \"<|im_end|>\", \"special\": true}, \"301\": {");
  return variant;
}

}  // namespace

TEST_SUITE("generate/answer") {
  TEST_CASE("an end mark of the template that is one token ends the answer") {
    const auto bundle = with_end_mark().load();
    REQUIRE(bundle->tokenizer->special_id("<|im_end|>") == 302);
    const auto session = Session::create(bundle, {std::nullopt, "chatml_direct", 0});
    const auto ended = ask(*session, question("Hi."), only(302, 20));
    CHECK(ended.reason == FinishReason::stop);
    CHECK(ended.ids == std::vector<int32_t>{302});
    CHECK(ended.text.empty());
    session->rewind(0);
    auto options = only(302, 20);
    options.ignore_eos = true;
    CHECK(ask(*session, question("Hi."), options).reason == FinishReason::length);
    session->rewind(0);
    options = only(302, 20);
    options.min_tokens = 5;
    const auto later = ask(*session, question("Hi."), options);
    CHECK(later.ids.size() == 6);
    CHECK(later.ids[5] == 302);
    CHECK(std::count(later.ids.begin(), later.ids.end(), 302) == 1);
  }

  TEST_CASE("the longest timeouts are far away, not over at once") {
    const auto session = Session::create(tiny(), {});
    for (const int64_t timeout_ms : {int64_t{1} << 50, std::numeric_limits<int64_t>::max()}) {
      auto options = greedy(2);
      options.timeout_ms = timeout_ms;
      CHECK(ask(*session, question("Hi."), options).reason == FinishReason::length);
      session->append(question("More."), nullptr, timeout_ms);
      session->reset();
    }
    CHECK(deadline_after_ms(std::numeric_limits<int64_t>::max()) > now_ns());
    CHECK(deadline_after_ms(-1) == 0);
  }

  TEST_CASE("an answer stopped at its first event is empty and kept") {
    const auto session = Session::create(tiny(), {});
    const auto open = session->start(question("Look.", picture("wide.jpg")), greedy());
    REQUIRE(open->next()->kind == Event::Kind::image_encoded);
    open->stop();
    CHECK(open->next()->kind == Event::Kind::done);
    const auto response = open->finish();
    CHECK(response.reason == FinishReason::cancelled);
    CHECK(response.ids.empty());
    CHECK(session->turn_count() == 2);
    const auto again = ask(*session, question("And now?"));
    const auto fresh = Session::create(tiny(), {});
    fresh->set_turns({session->turn(0), session->turn(1)});
    CHECK(ask(*fresh, question("And now?")).ids == again.ids);
  }

  TEST_CASE("what is held back at done becomes the session's with finish() alone") {
    const auto session = Session::create(tiny(), {});
    const auto first = ask(*session, question("One."));
    auto options = greedy();
    options.commit_at_done = false;
    {
      const auto open = session->start(question("Two."), options);
      while (open->next()) {
      }
      CHECK(session->stats().turns == 2);
      CHECK(error_of([&] { session->turn_count(); }).status() == Status::busy);
    }
    CHECK(session->turn_count() == 2);
    session->rewind(0);
    CHECK(ask(*session, question("One."), options).ids == first.ids);
    CHECK(session->turn_count() == 2);
  }

  TEST_CASE("a step is one piece of work") {
    const auto session = Session::create(tiny(), {});
    const auto open = session->start(question("Look.", picture("wide.jpg")), greedy(2));
    CHECK_FALSE(open->step());  // prepared
    CHECK(open->step());        // encoded
    CHECK(open->step());        // still there
    CHECK(open->next()->kind == Event::Kind::image_encoded);
    CHECK_FALSE(open->step());  // the prompt is built
    CHECK(open->next()->kind == Event::Kind::prefill);
    CHECK(open->tokens() == 0);
    CHECK(open->step());
    CHECK(open->tokens() == 1);
    open->finish();
    CHECK(open->step());
  }

  TEST_CASE("log-probabilities come with events when asked for, else NaN") {
    for (const int64_t top : {-1, 0}) {
      auto options = greedy(3);
      options.top_logprobs = top;
      const auto session = Session::create(tiny(), {});
      const auto open = session->start(question("Hi."), options);
      while (const auto event = open->next()) {
        if (event->id < 0) continue;
        CHECK(std::isnan(event->logprob) == (top < 0));
        if (top == 0) CHECK(event->logprob < 0);
      }
    }
  }

  TEST_CASE("times are of work, not of the caller's pauses") {
    const auto session = Session::create(tiny(), {});
    auto options = greedy(5);
    options.ignore_eos = true;
    const auto open = session->start(question("Hi."), options);
    const int64_t begin = now_ns();
    int events = 0;
    while (open->next()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      ++events;
    }
    const double passed_ms = static_cast<double>(now_ns() - begin) * 1e-6;
    const auto usage = open->finish().usage;
    CHECK(usage.total_ms <= passed_ms - 20.0 * events);
    CHECK(usage.total_ms == doctest::Approx(usage.first_token_ms + usage.decode_ms));
    CHECK(usage.prefill_ms + usage.prompt_ms <= usage.first_token_ms);
  }
}
