// Whole answers: sampling, stopping, callbacks, what is said about an answer.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

#include "fixture.hpp"

namespace {

using Answer = std::function<int32_t(const llava_event*)>;

int32_t call(const llava_event* event, void* user_data) { return (*static_cast<Answer*>(user_data))(event); }

llava_session* new_session() {
  llava_session* session = nullptr;
  REQUIRE(llava_session_create(fixture().model, nullptr, &session) == LLAVA_OK);
  return session;
}

struct Result {
  llava_status status;
  std::string text;
  int32_t reason;
  std::vector<int32_t> ids;
  int64_t seed;
};

Result chat(llava_session* session, const llava_chat_options& options) {
  Owned<llava_response> answer;
  Result result = {llava_chat(session, fixture().message, &options, answer.out()), "", -1, {}, -1};
  if (result.status != LLAVA_OK) {
    CHECK(answer.handle == nullptr);
    return result;
  }
  result.text = llava_response_text(answer, 0);
  result.reason = llava_response_finish_reason(answer, 0);
  result.seed = llava_response_seed(answer);
  size_t count = 0;
  REQUIRE(llava_response_tokens(answer, 0, nullptr, 0, &count) == LLAVA_OK);
  result.ids.resize(count);
  REQUIRE(llava_response_tokens(answer, 0, result.ids.data(), count, &count) == LLAVA_OK);
  return result;
}

Result chat(const llava_chat_options& options) {
  Owned<llava_session> session(new_session());
  return chat(session, options);
}

// A call with this callback gives this status; then the session is as new and the same call without it succeeds.
void rolled_back(Answer answer, llava_status expected) {
  Owned<llava_session> session(new_session());
  auto options = short_chat(8);
  const auto fresh = chat(options);
  options.event = call;
  options.event_user_data = &answer;
  CHECK(chat(session, options).status == expected);
  CHECK(llava_session_turn_count(session) == 0);
  options.event = nullptr;
  CHECK(chat(session, options).text == fresh.text);
}

}  // namespace

TEST_SUITE("capi/chat") {
  TEST_CASE("greedy answers repeat, and the seed repeats the others") {
    auto options = short_chat(16);
    CHECK(chat(options).ids == chat(options).ids);
    options.temperature = 1.5f;
    const auto first = chat(options);
    CHECK(first.seed >= 0);
    options.seed = first.seed;
    CHECK(chat(options).ids == first.ids);
    options.seed = 12345;
    CHECK(chat(options).seed == 12345);
  }

  TEST_CASE("an answer ends for the reason it names") {
    auto options = short_chat(5);
    auto result = chat(options);
    CHECK(result.reason == LLAVA_FINISH_LENGTH);
    CHECK(result.ids.size() == 5);
    options.stop_ids = &result.ids[2];
    options.stop_id_count = 1;
    const auto stopped = chat(options);
    CHECK(stopped.reason == LLAVA_FINISH_STOP);
    CHECK(stopped.ids.size() <= 3);
    const auto text = chat(short_chat(24)).text;
    size_t at = 1;
    while (at < text.size() && (text[at] & 0x80)) ++at;  // a stop string is UTF-8: any letter of one byte will do
    REQUIRE(at < text.size());
    const std::string part = text.substr(at, 1);
    const char* const stops[] = {part.c_str()};
    options = short_chat(24);
    options.stop = stops;
    options.stop_count = 1;
    const auto cut = chat(options);
    CHECK(cut.reason == LLAVA_FINISH_STOP_STRING);
    CHECK(cut.text == text.substr(0, text.find(part)));
    options.include_stop = 1;
    CHECK(chat(options).text == text.substr(0, text.find(part) + 1));
    for (int32_t reason = -1; reason < 8; ++reason)
      CHECK(std::string(llava_finish_reason_name(reason)).empty() == (reason < 0 || reason > 5));
  }

  TEST_CASE("the context may end an answer, and then the session still works") {
    Owned<llava_session> session;
    auto settings = defaults<llava_session_options>();
    Owned<llava_session> probe(new_session());
    settings.max_context = 100;
    if (llava_session_create(fixture().model, &settings, session.out()) != LLAVA_OK) return;
    auto options = short_chat(100000);
    const auto result = chat(session, options);
    if (result.status == LLAVA_OK)
      CHECK(result.reason == LLAVA_FINISH_CONTEXT);
    else
      CHECK(result.status == LLAVA_ERR_CONTEXT_FULL);
    CHECK(llava_session_rewind(session, 0) == LLAVA_OK);
  }

  TEST_CASE("bad ids never come, biased ids do") {
    const auto plain = chat(short_chat(6));
    auto options = short_chat(6);
    options.bad_ids = plain.ids.data();
    options.bad_id_count = static_cast<int32_t>(plain.ids.size());
    for (const int32_t id : chat(options).ids) CHECK(std::count(plain.ids.begin(), plain.ids.end(), id) == 0);
    options = short_chat(6);
    const int32_t wanted = 42;
    const float push = 1000;
    options.bias_ids = &wanted;
    options.bias_values = &push;
    options.bias_count = 1;
    CHECK(chat(options).ids == std::vector<int32_t>(6, 42));
  }

  TEST_CASE("ids outside the vocabulary and options that leave nothing are refused") {
    Sized<llava_limits> limits;
    REQUIRE(llava_model_limits(fixture().model, limits.get()) == LLAVA_OK);
    for (const int32_t id : {-1, limits->vocabulary, INT32_MAX}) {
      auto options = short_chat();
      options.stop_ids = &id;
      options.stop_id_count = 1;
      CHECK(chat(options).status == LLAVA_ERR_INVALID_ARGUMENT);
      options = short_chat();
      options.bad_ids = &id;
      options.bad_id_count = 1;
      CHECK(chat(options).status == LLAVA_ERR_INVALID_ARGUMENT);
      const float value = 1;
      options = short_chat();
      options.bias_ids = &id;
      options.bias_values = &value;
      options.bias_count = 1;
      CHECK(chat(options).status == LLAVA_ERR_INVALID_ARGUMENT);
    }
    std::vector<int32_t> all(static_cast<size_t>(limits->vocabulary));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
    auto options = short_chat();
    options.bad_ids = all.data();
    options.bad_id_count = limits->vocabulary;
    CHECK(chat(options).status == LLAVA_ERR_INVALID_ARGUMENT);
    options = short_chat(4);
    options.min_tokens = 5;
    CHECK(chat(options).status == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("likelihoods come when asked for") {
    Owned<llava_session> session(new_session());
    auto options = short_chat(3);
    options.logprobs = 2;
    Owned<llava_response> answer;
    REQUIRE(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
    llava_string* json = nullptr;
    REQUIRE(llava_response_logprobs_json(answer, 0, &json) == LLAVA_OK);
    const auto text = take(json);
    size_t tops = 0;
    for (size_t at = 0; (at = text.find("\"top\":[{", at)) != std::string::npos; ++at) ++tops;
    CHECK(tops == 3);
    options.logprobs = -1;
    REQUIRE(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
    REQUIRE(llava_response_logprobs_json(answer, 0, &json) == LLAVA_OK);
    CHECK(take(json) == "[]");
  }

  TEST_CASE("usage adds up, and the JSON has the same numbers") {
    Owned<llava_session> session(new_session());
    const auto options = short_chat(5);
    Owned<llava_response> answer;
    REQUIRE(llava_chat(session, fixture().message, &options, answer.out()) == LLAVA_OK);
    Sized<llava_usage> usage;
    REQUIRE(llava_response_usage(answer, usage.get()) == LLAVA_OK);
    CHECK(usage->completion_tokens == 5);
    CHECK(usage->prompt_tokens > 5);
    CHECK(usage->image_tokens == 0);
    CHECK(usage->cached_tokens == 0);
    CHECK(usage->total_ms >= usage->first_token_ms);
    CHECK(llava_response_count(answer) == 1);
    CHECK(std::string(llava_response_text(answer, 9)).empty());
    CHECK(llava_response_finish_reason(answer, -1) == -1);
    llava_string* json = nullptr;
    REQUIRE(llava_response_to_json(answer, &json) == LLAVA_OK);
    const auto text = take(json);
    CHECK(text.find("\"completion_tokens\":5") != std::string::npos);
    CHECK(text.find("\"finish_reason\":\"length\"") != std::string::npos);
    CHECK(text.find("\"role\":\"assistant\"") != std::string::npos);
  }

  TEST_CASE("one question needs no session") {
    Owned<llava_response> answer;
    REQUIRE(llava_ask(fixture().model, fixture().image, "What is this?", answer.out()) == LLAVA_OK);
    CHECK(llava_response_count(answer) == 1);
    REQUIRE(llava_ask(fixture().model, nullptr, "hi", answer.out()) == LLAVA_OK);
  }

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
