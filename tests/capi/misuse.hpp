// One misuse: a proper call with one wrong argument. It must answer with the status of the table, clear its outputs,
// say what was wrong, and neither print, throw nor change anything.
#pragma once

#include <cmath>
#include <type_traits>

#include "fixture.hpp"

extern int misuse_cases_tried;

template <typename Handle>
bool is_clear(Handle* handle) {
  return handle == nullptr;
}
inline bool is_clear(int32_t number) { return number == 0; }
inline bool is_clear(int64_t number) { return number == 0; }
inline bool is_clear(size_t number) { return number == 0; }
inline bool is_clear(double number) { return number == 0; }

// What a function that returns its value gives on misuse.
inline bool is_neutral(const char* text) { return text && *text == '\0'; }
inline bool is_neutral(const void* memory) { return memory != nullptr; }
inline bool is_neutral(size_t number) { return number == 0; }
inline bool is_neutral(int32_t number) { return number == 0 || number == -1; }
inline bool is_neutral(int64_t number) { return number == 0 || number == -1; }
inline bool is_neutral(double number) { return number == 0; }

/// The message names the function and the argument, and shows no pointer.
inline void check_message(const char* function, const char* argument, llava_status status) {
  const std::string text = llava_last_error();
  CAPTURE(text);
  CHECK(llava_last_error_status() == status);
  CHECK(text.rfind(std::string(function) + ": ", 0) == 0);
  CHECK(text.size() > std::strlen(function) + 2);
  CHECK(text.size() < 1024);
  CHECK(text.find("0x") == std::string::npos);
  if (status == LLAVA_ERR_INVALID_ARGUMENT) CHECK(text.find(argument) != std::string::npos);
}

template <typename Call>
llava_status status_of(Call& call, bool& neutral) {
  using Result = decltype(call.call());
  neutral = true;
  if constexpr (std::is_void_v<Result>) {
    call.call();
    return llava_last_error_status();
  } else if constexpr (Call::kStatus) {
    return call.call();
  } else {
    const auto result = call.call();
    neutral = is_neutral(result);
    return llava_last_error_status();
  }
}

template <typename Call>
void misuse(Fixture& f, const char* function, const char* argument, const char* what, llava_status expected,
            void (*change)(Call&, Fixture&)) {
  ++misuse_cases_tried;
  Call call(f);
  change(call, f);
  llava_clear_error();
  bool neutral = true;
  const auto status = status_of(call, neutral);
  const std::string found = std::string(function) + ": " + what + ": " + llava_status_name(status) + ", expected " +
                            llava_status_name(expected) + " (" + llava_last_error() + ")";
  CAPTURE(found);
  CHECK(status == expected);
  if (status == LLAVA_OK) return call.release_outputs();
  CHECK(neutral);
  CHECK(call.outputs_clear());
  check_message(function, argument, status);
}

/// After all misuses the same call made properly succeeds.
template <typename Call>
void proper(Fixture& f, const char* function, llava_status expected) {
  ++misuse_cases_tried;
  Call call(f);
  call.prepare();
  llava_clear_error();
  bool neutral = true;
  const auto status = status_of(call, neutral);
  const std::string found = std::string(function) + ": " + llava_last_error();
  CAPTURE(found);
  CHECK(status == expected);
  if (status == LLAVA_OK) call.release_outputs();
}
