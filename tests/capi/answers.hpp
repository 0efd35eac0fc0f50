// What tests of answers share: short chats in fresh sessions, and callbacks from lambdas.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fixture.hpp"

using Answer = std::function<int32_t(const llava_event*)>;

inline int32_t call(const llava_event* event, void* user_data) { return (*static_cast<Answer*>(user_data))(event); }

inline llava_session* new_session() {
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

inline Result chat(llava_session* session, const llava_chat_options& options) {
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

inline Result chat(const llava_chat_options& options) {
  Owned<llava_session> session(new_session());
  return chat(session, options);
}

// A call with this callback gives this status; then the session is as new and the same call without it succeeds.
inline void rolled_back(Answer answer, llava_status expected) {
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
