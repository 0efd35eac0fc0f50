// The last failure of each thread: status, message, function and the numbers that belong to it, in memory that is there
// already, so that running out of memory can be reported too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json_value.hpp"

namespace llava::capi {

/// A failure outside of a thread's own memory: what a stream keeps of how it failed.
struct Failure {
  int32_t status = 0;
  std::string function;
  std::string message;
  std::string details;  // members of a JSON object, without braces
};

/// Records a failure for this thread; never throws. `message` is cut to 1 KiB between characters.
void set_last_error(core::Status status, const char* function, std::string_view message,
                    const std::vector<core::ErrorDetail>& details = {}) noexcept;

void clear_last_error() noexcept;
int32_t last_error_status() noexcept;
const char* last_error_text() noexcept;  // "llava_load: config.json is missing"
Failure last_failure();

/// {"code", "name", "message", "function", "details"}; "{}" for no failure.
std::string failure_json(const Failure& failure);

using core::json_quoted;

}  // namespace llava::capi
