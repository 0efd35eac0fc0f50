#include "comm/memory_failure.hpp"

#include <c10/util/Exception.h>

#include <new>
#include <string_view>

namespace llava::core {
namespace {

// The CPU's allocator throws a type that it throws for much else (c10/core/impl/alloc_cpu.cpp).
constexpr std::string_view kAllocator = "DefaultCPUAllocator: ";

std::string first_line(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::optional<Error> memory_failure(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) {
    const bool memory = known->status() == Status::out_of_memory || known->status() == Status::device_memory;
    return memory ? std::optional(*known) : std::nullopt;
  }
  if (dynamic_cast<const std::bad_alloc*>(&error))
    return Error(Status::out_of_memory, "the system has no more memory to give");
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  if (!torch) return {};
  const auto text = first_line(*torch);
  if (dynamic_cast<const c10::OutOfMemoryError*>(torch)) return Error(Status::device_memory, text);
  if (text.find(kAllocator) == std::string::npos) return {};
  return Error(Status::out_of_memory, text);
}

}  // namespace llava::core
