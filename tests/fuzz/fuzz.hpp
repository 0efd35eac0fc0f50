// What every fuzz target is: a function that is given any bytes and must end, with a result or with an Error that a
// caller could show. Built with libFuzzer it is searched for bytes that break this (tools/fuzz); without, replay.cpp
// gives it the corpus and the files of tests/bad, as part of the ordinary tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace llava::fuzz {

/// Ends the process: a fuzzer keeps the input that led here.
[[noreturn]] inline void fail(const char* what, std::string_view detail = {}) {
  std::fprintf(stderr, "fuzz target: %s %.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

inline void require(bool condition, const char* what, std::string_view detail = {}) {
  if (!condition) fail(what, detail);
}

/// The contract of a refusal: a status that bytes from outside can lead to, and a message fit for a user.
inline void check_refusal(const core::Error& error) {
  using core::Status;
  const auto status = error.status();
  require(status == Status::format || status == Status::unsupported || status == Status::limit,
          "the status is none that a file can lead to:", error.message());
  require(!error.message().empty(), "an empty message");
  require(core::valid_utf8(error.message()), "a message that is not UTF-8:", error.message());
}

/// Runs `parse`; a refusal is checked, any other exception goes on and ends the process. True when nothing was thrown.
template <typename Parse>
bool accepted(Parse&& parse) {
  try {
    parse();
    return true;
  } catch (const core::Error& error) {
    check_refusal(error);
    return false;
  }
}

inline std::span<const std::byte> bytes_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace llava::fuzz
