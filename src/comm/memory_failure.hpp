// Exceptions that mean that memory ran out, whoever threw them: what a rank says of itself instead of falling silent.
#pragma once

#include <exception>
#include <optional>

#include "base/error.hpp"

namespace llava::core {

/// `error` as one of ours: the same where it is an Error with one of these statuses; std::bad_alloc and what ATen's allocator
/// throws as Error(out_of_memory), c10::OutOfMemoryError, a card's, as Error(device_memory). Nothing for anything else.
std::optional<Error> memory_failure(const std::exception& error);

}  // namespace llava::core
