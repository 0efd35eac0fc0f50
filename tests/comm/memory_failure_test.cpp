// What means that memory ran out, by type: the host's, a card's, and what only looks so.
#include "comm/memory_failure.hpp"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>

#include "support/doctest.hpp"

using namespace llava::core;

namespace {

/// The status that a failure of `call` is told with; ok where it is none of memory.
template <typename Call>
std::pair<Status, std::string> told(Call&& call) {
  try {
    call();
  } catch (const std::exception& error) {
    if (const auto memory = memory_failure(error)) return {memory->status(), memory->message()};
  }
  return {Status::ok, ""};
}

}  // namespace

TEST_SUITE("comm/memory_failure") {
  TEST_CASE("the host's memory: C++'s, ATen's, ours") {
    CHECK(told([] { throw std::bad_alloc(); }).first == Status::out_of_memory);
    const auto [status, text] = told([] { at::empty({int64_t{1} << 50}, at::kByte); });
    CHECK(status == Status::out_of_memory);
    CHECK(text.find("DefaultCPUAllocator: can't allocate memory") != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(told([] { throw Error(Status::out_of_memory, "no room"); }).second == "no room");
  }

  TEST_CASE("a card's is known by its type, whatever it says") {
    const auto [status, text] =
        told([] { C10_THROW_ERROR(OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB"); });
    CHECK(status == Status::device_memory);
    CHECK(text == "CUDA out of memory. Tried to allocate 2.00 GiB");
  }

  TEST_CASE("anything else is none") {
    CHECK(told([] { throw Error(Status::io, "out of memory"); }).first == Status::ok);
    CHECK(told([] { throw std::runtime_error("out of memory"); }).first == Status::ok);
    CHECK(told([] { C10_THROW_ERROR(ValueError, "shapes"); }).first == Status::ok);
  }
}
