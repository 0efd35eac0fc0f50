// Pieces of messages, written without locale.
#include "base/error.hpp"

#include <charconv>

namespace llava::core {
namespace {

template <typename Number>
std::string number_text(Number value) {
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, result.ptr};
}

}  // namespace

std::string cat_piece(std::string_view text) { return std::string(text); }
std::string cat_piece(const char* text) { return text; }
std::string cat_piece(const std::string& text) { return text; }
std::string cat_piece(bool value) { return value ? "true" : "false"; }
std::string cat_piece(char value) { return {value}; }
std::string cat_piece(double value) { return number_text(value); }
std::string cat_piece(long long value) { return number_text(value); }
std::string cat_piece(unsigned long long value) { return number_text(value); }

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + number_text(shape[i]);
  return text + "]";
}

}  // namespace llava::core
