// Events, callbacks and cancelling: what happens while an answer is made.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

#include "answers.hpp"

TEST_SUITE("capi/events") {
  TEST_CASE("events arrive in order and carry the answer") {
    std::string text;
    std::vector<int32_t> types, ids;
    Answer hear = [&](const llava_event* event) {
      types.push_back(llava_event_type(event));
      text += llava_event_text(event, nullptr);
      if (llava_event_token(event) >= 0) ids.push_back(llava_event_token(event));
      CHECK(llava_event_logprob(event) <= 0);
      return LLAVA_EVENT_CONTINUE;
    };
    auto options = short_chat(6);
    options.event = call;
    options.event_user_data = &hear;
    options.logprobs = 0;
    const auto result = chat(options);
    CHECK(text == result.text);
    CHECK(ids == result.ids);
    REQUIRE(types.size() > 3);
    CHECK(types.front() == LLAVA_EVENT_PREFILL);
    CHECK(types.back() == LLAVA_EVENT_DONE);
    CHECK(std::is_sorted(types.begin(), types.end(),
                         [](int32_t a, int32_t b) { return std::min(a, 2) < std::min(b, 2); }));
  }

  TEST_CASE("a callback that fails, throws or answers nonsense rolls back") {
    for (const int32_t type : {LLAVA_EVENT_PREFILL, LLAVA_EVENT_TEXT, LLAVA_EVENT_DONE}) {
      CAPTURE(type);
      const auto at = [type](std::function<int32_t()> then) {
        return [type, then](const llava_event* event) { return llava_event_type(event) == type ? then() : 0; };
      };
      rolled_back(at([] { return -1; }), LLAVA_ERR_CALLBACK);
      rolled_back(at([] { return 3; }), LLAVA_ERR_CALLBACK);
      rolled_back(at([]() -> int32_t { throw std::string("no"); }), LLAVA_ERR_CALLBACK);
      rolled_back(at([] { return LLAVA_EVENT_DISCARD; }), LLAVA_ERR_CANCELLED);
    }
  }

  TEST_CASE("the last event can refuse the answer, and touches no other turn") {
    Owned<llava_session> session(new_session());
    const auto plain = short_chat(4);
    const auto first = chat(session, plain);
    llava_status inner = LLAVA_OK;
    int32_t turns = 0;
    Answer refuse = [&](const llava_event* event) {
      if (llava_event_type(event) != LLAVA_EVENT_DONE) return LLAVA_EVENT_CONTINUE;
      inner = llava_session_rewind(session, 0);
      turns = llava_session_turn_count(session);
      return LLAVA_EVENT_DISCARD;
    };
    auto options = plain;
    options.event = call;
    options.event_user_data = &refuse;
    CHECK(chat(session, options).status == LLAVA_ERR_CANCELLED);
    CHECK(inner == LLAVA_ERR_BUSY);
    CHECK(turns == -1);
    CHECK(llava_session_turn_count(session) == 2);
    Owned<llava_message> kept;
    REQUIRE(llava_session_turn(session, 1, kept.out()) == LLAVA_OK);
    CHECK(llava_message_text(kept, 0, nullptr) == first.text);
  }

  TEST_CASE("STOP at the first event leaves the question and an empty answer") {
    Answer stop = [](const llava_event*) { return LLAVA_EVENT_STOP; };
    Owned<llava_session> session(new_session());
    auto options = short_chat(50);
    options.event = call;
    options.event_user_data = &stop;
    const auto result = chat(session, options);
    CHECK(result.status == LLAVA_OK);
    CHECK(result.reason == LLAVA_FINISH_CANCELLED);
    CHECK(result.text.empty());
    CHECK(result.ids.empty());
    CHECK(llava_session_turn_count(session) == 2);
    CHECK(chat(session, short_chat(4)).status == LLAVA_OK);
  }

  TEST_CASE("log-probabilities nobody asked for are NaN") {
    int tokens = 0;
    Answer hear = [&](const llava_event* event) {
      const bool token = llava_event_token(event) >= 0;
      tokens += token;
      CHECK(std::isnan(llava_event_logprob(event)) == token);
      return LLAVA_EVENT_CONTINUE;
    };
    auto options = short_chat(3);
    options.event = call;
    options.event_user_data = &hear;
    CHECK(chat(options).status == LLAVA_OK);
    CHECK(tokens == 3);
  }

  TEST_CASE("the longest timeouts are no deadline") {
    auto options = short_chat(3);
    options.timeout_ms = INT64_MAX / 2;
    CHECK(chat(options).status == LLAVA_OK);
    options.timeout_ms = int64_t{1} << 45;
    CHECK(chat(options).status == LLAVA_OK);
  }

  TEST_CASE("a byte 0 does not end the text of an answer") {
    const int32_t zero = 3;  // <0x00>
    const float push = 1000;
    auto options = short_chat(3);
    options.bias_ids = &zero;
    options.bias_values = &push;
    options.bias_count = 1;
    Owned<llava_session> session(new_session());
    Owned<llava_response> answer;
    REQUIRE(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
    size_t size = 0;
    const char* text = llava_response_text_n(answer, 0, &size);
    CHECK(std::string(text, size) == std::string(3, '\0'));
    CHECK(llava_response_text(answer, 0) == text);
    size = 7;
    CHECK(std::string(llava_response_text_n(answer, 1, &size)).empty());
    CHECK(size == 0);
  }

  TEST_CASE("STOP keeps question and words so far") {
    int heard = 0;
    Answer stop = [&](const llava_event* event) {
      heard += llava_event_token(event) >= 0;
      return heard == 3 ? LLAVA_EVENT_STOP : LLAVA_EVENT_CONTINUE;
    };
    Owned<llava_session> session(new_session());
    auto options = short_chat(50);
    options.event = call;
    options.event_user_data = &stop;
    const auto result = chat(session, options);
    CHECK(result.status == LLAVA_OK);
    CHECK(result.reason == LLAVA_FINISH_CANCELLED);
    CHECK(result.ids.size() == 3);
    CHECK(llava_session_turn_count(session) == 2);
  }

  TEST_CASE("a callback may not use its session, but may free it and keep events") {
    auto* session = new_session();
    llava_status inner = LLAVA_OK;
    llava_event* kept = nullptr;
    bool freed = false;
    Answer rude = [&](const llava_event* event) {
      if (llava_event_type(event) == LLAVA_EVENT_PREFILL) inner = llava_session_reset(session);
      if (llava_event_type(event) == LLAVA_EVENT_TEXT && !freed) {
        kept = const_cast<llava_event*>(event);
        CHECK(llava_event_retain(kept) == LLAVA_OK);
        llava_session_free(session);
        freed = true;
      }
      return 0;
    };
    auto options = short_chat(6);
    options.event = call;
    options.event_user_data = &rude;
    Owned<llava_response> answer;
    CHECK(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
    CHECK(inner == LLAVA_ERR_BUSY);
    REQUIRE(freed);
    CHECK(std::strlen(llava_event_text(kept, nullptr)) > 0);
    llava_event_free(kept);
    CHECK(llava_session_reset(session) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("a deadline that passes inside a callback is heard once it returns") {
    Answer slow = [](const llava_event*) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      return 0;
    };
    Owned<llava_session> session(new_session());
    auto options = short_chat(50);
    options.event = call;
    options.event_user_data = &slow;
    options.timeout_ms = 20;
    CHECK(chat(session, options).status == LLAVA_ERR_TIMEOUT);
    CHECK(llava_session_turn_count(session) == 0);
  }

  TEST_CASE("cancelled before it began, an answer does no work; kept, it needs a first token") {
    Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
    REQUIRE(llava_cancel_cancel(token) == LLAVA_OK);
    Owned<llava_session> session(new_session());
    auto options = short_chat(8);
    options.cancel = token;
    CHECK(chat(session, options).status == LLAVA_ERR_CANCELLED);
    options.on_cancel = LLAVA_CANCEL_KEEP;
    CHECK(chat(session, options).status == LLAVA_ERR_CANCELLED);
    REQUIRE(llava_cancel_reset(token) == LLAVA_OK);
    int tokens = 0;
    llava_status reset = LLAVA_OK;
    Answer later = [&](const llava_event* event) {
      if (llava_event_token(event) >= 0 && ++tokens == 3) {
        reset = llava_cancel_reset(token);
        CHECK(llava_cancel_cancel(token) == LLAVA_OK);
      }
      return 0;
    };
    options.event = call;
    options.event_user_data = &later;
    const auto kept = chat(session, options);
    CHECK(kept.status == LLAVA_OK);
    CHECK(kept.reason == LLAVA_FINISH_CANCELLED);
    CHECK(kept.ids.size() == 3);
    CHECK(reset == LLAVA_ERR_BUSY);
    CHECK(llava_session_turn_count(session) == 2);
  }
}
