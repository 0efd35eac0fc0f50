// What the tests of llava.hpp share.
#pragma once

#include <cstring>
#include <llava/llava.hpp>

#include "fixture.hpp"

/// The fixture's model, one more reference.
inline llava::Model the_model() {
  REQUIRE(llava_model_retain(fixture().model) == LLAVA_OK);
  struct Adopted : llava::Model {
    explicit Adopted(llava_model* handle) { handle_ = handle; }
  };
  return Adopted(fixture().model);
}

/// Answers of so many tokens, always the same.
inline llava::ChatOptions greedy(int32_t max_tokens = 6) {
  llava::ChatOptions options;
  options.max_tokens = max_tokens;
  options.temperature = 0;
  options.ignore_eos = true;
  return options;
}

/// The status of what `call` throws, which has a text and details.
template <typename Call>
llava_status code_of(Call&& call) {
  try {
    call();
  } catch (const llava::Error& error) {
    CHECK(std::strlen(error.what()) > 0);
    CHECK(error.details().find("\"code\":") != std::string::npos);
    return error.code();
  }
  return LLAVA_OK;
}
