// The one exception of the core. It carries a status of the C ABI and a message that says where, what was found and
// what was expected; numbers a program may want to read travel beside the text.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.hpp"

namespace llava::core {

/// One named fact of a failure, e.g. {"needed", "5012"} for CONTEXT_FULL. `value` is a JSON literal.
struct ErrorDetail {
  std::string name;
  std::string value;
};

class Error : public std::exception {
 public:
  Error(Status status, std::string message) : status_(status), message_(std::move(message)) {}

  /// Adds a number for llava_last_error_json(): `throw Error(...).with("needed", n)`.
  Error& with(std::string name, int64_t value) {
    details_.push_back({std::move(name), std::to_string(value)});
    return *this;
  }

  Error& with(ErrorDetail detail) {
    details_.push_back(std::move(detail));
    return *this;
  }

  Status status() const noexcept { return status_; }
  const std::string& message() const noexcept { return message_; }
  const std::vector<ErrorDetail>& details() const noexcept { return details_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Status status_;
  std::string message_;
  std::vector<ErrorDetail> details_;
};

/// Joins its arguments into one message: cat("tensor ", name, ": rank ", 9, ", at most ", 8).
/// Strings are copied, integers and floating numbers written without locale.
std::string cat_piece(std::string_view text);
std::string cat_piece(const char* text);
std::string cat_piece(const std::string& text);
std::string cat_piece(bool value);
std::string cat_piece(char value);
std::string cat_piece(double value);
std::string cat_piece(long long value);
std::string cat_piece(unsigned long long value);
inline std::string cat_piece(int value) { return cat_piece(static_cast<long long>(value)); }
inline std::string cat_piece(long value) { return cat_piece(static_cast<long long>(value)); }
inline std::string cat_piece(unsigned value) { return cat_piece(static_cast<unsigned long long>(value)); }
inline std::string cat_piece(unsigned long value) { return cat_piece(static_cast<unsigned long long>(value)); }
inline std::string cat_piece(float value) { return cat_piece(static_cast<double>(value)); }

template <typename... Pieces>
std::string cat(const Pieces&... pieces) {
  std::string text;
  ((text += cat_piece(pieces)), ...);
  return text;
}

/// "[4096, 1024]", the way shapes are written in messages.
std::string shape_text(const std::vector<int64_t>& shape);

}  // namespace llava::core
