// Whole answers: sampling, stopping, what is said about an answer.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

#include "answers.hpp"

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
}
