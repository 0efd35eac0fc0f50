// Answers pulled event by event.
#include <algorithm>

#include "fixture.hpp"

namespace {

llava_session* new_session() {
  llava_session* session = nullptr;
  REQUIRE(llava_session_create(fixture().model, nullptr, &session) == LLAVA_OK);
  return session;
}

llava_stream* start(llava_session* session, const llava_chat_options& options) {
  llava_stream* stream = nullptr;
  REQUIRE(llava_chat_start(session, fixture().message, &options, &stream) == LLAVA_OK);
  return stream;
}

// Pulls one event; its type, or -1 with the status.
int32_t pull(llava_stream* stream, llava_status& status) {
  Owned<llava_event> event;
  status = llava_stream_next(stream, -1, event.out());
  return status == LLAVA_OK ? llava_event_type(event) : -1;
}

llava_status pull_until(llava_stream* stream, int32_t type) {
  llava_status status = LLAVA_OK;
  while (status == LLAVA_OK)
    if (pull(stream, status) == type) break;
  return status;
}

}  // namespace

TEST_SUITE("capi/stream") {
  TEST_CASE("pulled text is the text of the answer, and END stays END") {
    Owned<llava_session> session(new_session());
    Owned<llava_stream> stream(start(session, short_chat(6)));
    std::string text;
    llava_event* event = nullptr;
    llava_status status;
    while ((status = llava_stream_next(stream, -1, &event)) == LLAVA_OK) {
      size_t size = 0;
      const char* piece = llava_event_text(event, &size);
      text.append(piece, size);
      llava_event_free(event);
    }
    CHECK(status == LLAVA_END);
    CHECK(llava_stream_next(stream, -1, &event) == LLAVA_END);
    CHECK(llava_stream_cancel(stream) == LLAVA_OK);
    Owned<llava_response> answer;
    REQUIRE(llava_stream_finish(stream, answer.out()) == LLAVA_OK);
    CHECK(llava_response_text(answer, 0) == text);
    CHECK(llava_stream_next(stream, -1, &event) == LLAVA_ERR_STATE);
    Owned<llava_response> again;
    CHECK(llava_stream_finish(stream, again.out()) == LLAVA_ERR_STATE);
    CHECK(llava_session_turn_count(session) == 2);
  }

  TEST_CASE("finish before the end works to the end") {
    Owned<llava_session> session(new_session());
    Owned<llava_stream> stream(start(session, short_chat(6)));
    Owned<llava_response> answer;
    REQUIRE(llava_stream_finish(stream, answer.out()) == LLAVA_OK);
    size_t count = 0;
    REQUIRE(llava_response_tokens(answer, 0, nullptr, 0, &count) == LLAVA_OK);
    CHECK(count == 6);
  }

  TEST_CASE("an open stream keeps its session busy; a freed one leaves it as it was") {
    auto& f = fixture();
    Owned<llava_session> session(new_session());
    Owned<llava_stream> stream(start(session, short_chat(6)));
    CHECK(pull_until(stream, LLAVA_EVENT_TEXT) == LLAVA_OK);
    Owned<llava_response> answer;
    Owned<llava_session> copy;
    Owned<llava_stream> second;
    const auto options = short_chat();
    CHECK(llava_chat(session, f.message, nullptr, answer.out()) == LLAVA_ERR_BUSY);
    CHECK(llava_chat_start(session, f.message, nullptr, second.out()) == LLAVA_ERR_BUSY);
    CHECK(llava_session_append(session, f.message, nullptr) == LLAVA_ERR_BUSY);
    CHECK(llava_session_append_ids(session, f.ids, 3, nullptr, 0, nullptr) == LLAVA_ERR_BUSY);
    CHECK(llava_session_fork(session, copy.out()) == LLAVA_ERR_BUSY);
    CHECK(llava_session_rewind(session, 0) == LLAVA_ERR_BUSY);
    CHECK(llava_session_save(session, f.session_path.c_str()) == LLAVA_ERR_BUSY);
    CHECK(llava_session_reset(session) == LLAVA_ERR_BUSY);
    CHECK(llava_session_turn_count(session) == -1);
    Sized<llava_session_usage> usage;
    CHECK(llava_session_stats(session, usage.get()) == LLAVA_OK);
    stream.out();
    CHECK(llava_session_turn_count(session) == 0);
    CHECK(llava_chat(session, f.message, &options, answer.out()) == LLAVA_OK);
  }

  TEST_CASE("a cancelled stream fails the same way for ever, and says why") {
    for (const bool with_token : {false, true}) {
      CAPTURE(with_token);
      Owned<llava_session> session(new_session());
      Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
      auto options = short_chat(50);
      if (with_token) options.cancel = token;
      Owned<llava_stream> stream(start(session, options));
      CHECK(pull_until(stream, LLAVA_EVENT_TEXT) == LLAVA_OK);
      CHECK(llava_stream_cancel(stream) == LLAVA_OK);
      CHECK(llava_stream_cancel(stream) == LLAVA_OK);
      llava_status status;
      for (int i = 0; i < 3; ++i) {
        pull(stream, status);
        CHECK(status == LLAVA_ERR_CANCELLED);
      }
      Owned<llava_response> answer;
      CHECK(llava_stream_finish(stream, answer.out()) == LLAVA_ERR_CANCELLED);
      llava_status code = LLAVA_OK;
      llava_string* json = nullptr;
      REQUIRE(llava_stream_error(stream, &code, &json) == LLAVA_OK);
      CHECK(code == LLAVA_ERR_CANCELLED);
      CHECK(take(json).find("\"name\":\"CANCELLED\"") != std::string::npos);
      CHECK(llava_session_turn_count(session) == 0);
      CHECK(llava_cancel_is_cancelled(token) == 0);
    }
  }

  TEST_CASE("KEEP makes a cancelled stream end with what was said") {
    for (const bool with_token : {false, true}) {
      Owned<llava_session> session(new_session());
      Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
      auto options = short_chat(50);
      options.on_cancel = LLAVA_CANCEL_KEEP;
      if (with_token) options.cancel = token;
      Owned<llava_stream> stream(start(session, options));
      CHECK(pull_until(stream, LLAVA_EVENT_TEXT) == LLAVA_OK);
      CHECK(llava_stream_cancel(stream) == LLAVA_OK);
      Owned<llava_response> answer;
      REQUIRE(llava_stream_finish(stream, answer.out()) == LLAVA_OK);
      CHECK(llava_response_finish_reason(answer, 0) == LLAVA_FINISH_CANCELLED);
      CHECK(llava_session_turn_count(session) == 2);
    }
  }

  TEST_CASE("a stream has its own copy of the message and keeps session and token alive") {
    auto* session = new_session();
    auto* token = fixture().fresh(static_cast<llava_cancel*>(nullptr));
    auto* message = fixture().fresh(static_cast<llava_message*>(nullptr));
    auto options = short_chat(5);
    options.cancel = token;
    Owned<llava_stream> stream;
    REQUIRE(llava_chat_start(session, message, &options, stream.out()) == LLAVA_OK);
    REQUIRE(llava_message_clear(message) == LLAVA_OK);
    release(message), release(token), release(session);
    Owned<llava_response> answer;
    CHECK(llava_stream_finish(stream, answer.out()) == LLAVA_OK);
  }

  TEST_CASE("an event callback does not go with a stream, and waiting times are checked") {
    Owned<llava_session> session(new_session());
    auto options = short_chat();
    options.event = [](const llava_event*, void*) -> int32_t { return 0; };
    Owned<llava_stream> stream;
    CHECK(llava_chat_start(session, fixture().message, &options, stream.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    Owned<llava_stream> good(start(session, short_chat()));
    Owned<llava_event> event;
    CHECK(llava_stream_next(good, -2, event.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    const auto status = llava_stream_next(good, 0, event.out());
    CHECK((status == LLAVA_OK || status == LLAVA_WOULD_BLOCK));
  }

  TEST_CASE("a waiting time of 0 does one piece of work: some pieces bring no event") {
    Owned<llava_session> session(new_session());
    Owned<llava_message> question(fixture().fresh(static_cast<llava_message*>(nullptr)));
    REQUIRE(llava_message_add_image(question, fixture().image) == LLAVA_OK);
    const auto options = short_chat(3);
    Owned<llava_stream> stream;
    REQUIRE(llava_chat_start(session, question, &options, stream.out()) == LLAVA_OK);
    std::string text;
    int waits = 0;
    for (;;) {
      Owned<llava_event> event;
      const auto status = llava_stream_next(stream, 0, event.out());
      if (status == LLAVA_END) break;
      if (status == LLAVA_WOULD_BLOCK) {
        CHECK(event.handle == nullptr);
        ++waits;
        continue;
      }
      REQUIRE(status == LLAVA_OK);
      text += llava_event_text(event, nullptr);
    }
    CHECK(waits == 2);  // the picture is prepared, the prompt is built
    Owned<llava_response> answer;
    REQUIRE(llava_stream_finish(stream, answer.out()) == LLAVA_OK);
    CHECK(llava_response_text(answer, 0) == text);
    Owned<llava_session> other(new_session());
    REQUIRE(llava_chat_start(other, question, &options, stream.out()) == LLAVA_OK);
    Owned<llava_event> event;
    CHECK(llava_stream_next(stream, 60000, event.out()) == LLAVA_OK);  // works on until there is one
    CHECK(llava_event_type(event) == LLAVA_EVENT_IMAGE_ENCODED);
  }

  TEST_CASE("a stream cancelled before its first token keeps nothing") {
    for (const bool with_token : {false, true}) {
      CAPTURE(with_token);
      Owned<llava_session> session(new_session());
      Owned<llava_cancel> token(fixture().fresh(static_cast<llava_cancel*>(nullptr)));
      auto options = short_chat(50);
      options.on_cancel = LLAVA_CANCEL_KEEP;
      if (with_token) options.cancel = token;
      Owned<llava_stream> stream(start(session, options));
      CHECK(pull_until(stream, LLAVA_EVENT_PREFILL) == LLAVA_OK);
      CHECK(llava_stream_cancel(stream) == LLAVA_OK);
      Owned<llava_response> answer;
      CHECK(llava_stream_finish(stream, answer.out()) == LLAVA_ERR_CANCELLED);
      CHECK(llava_session_turn_count(session) == 0);
    }
  }

  TEST_CASE("values of the wrong kind are neutral") {
    Owned<llava_session> session(new_session());
    Owned<llava_stream> stream(start(session, short_chat()));
    Owned<llava_event> event;
    REQUIRE(llava_stream_next(stream, -1, event.out()) == LLAVA_OK);
    REQUIRE(llava_event_type(event) == LLAVA_EVENT_PREFILL);
    llava_clear_error();
    CHECK(std::string(llava_event_text(event, nullptr)).empty());
    CHECK(llava_event_token(event) == -1);
    CHECK(llava_event_index(event) == -1);
    CHECK(llava_event_logprob(event) == 0);
    CHECK(llava_event_progress(event) == 1);
    CHECK(llava_last_error_status() == LLAVA_OK);
  }
}
