#include "numbers.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace llava_cli {
namespace {

template <typename Number>
std::optional<Number> parsed(const std::string& text) {
  Number value = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc() && read.ptr == end ? std::optional(value) : std::nullopt;
}

std::string plain(double value) {
  auto text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

template <typename Fits>
CLI::Validator checked(const std::string& expected, Fits fits) {
  return CLI::Validator(
      [expected, fits](std::string& text) { return fits(text) ? std::string() : '"' + text + "\" is no " + expected; },
      "");
}

}  // namespace

CLI::Validator whole_number(int64_t least, int64_t most) {
  const bool open = most >= std::numeric_limits<int32_t>::max();
  const auto expected = open ? "whole number of at least " + std::to_string(least)
                             : "whole number from " + std::to_string(least) + " to " + std::to_string(most);
  const auto note = open && most < std::numeric_limits<int64_t>::max() ? " and at most " + std::to_string(most) : "";
  return checked(expected + note, [=](const std::string& text) {
    const auto value = parsed<int64_t>(text);
    return value && *value >= least && *value <= most;
  });
}

CLI::Validator number(Bound bound, double least) {
  return checked((bound == Bound::above ? "number above " : "number of at least ") + plain(least),
                 [=](const std::string& text) {
                   const auto value = parsed<double>(text);
                   return value && std::isfinite(*value) && (bound == Bound::above ? *value > least : *value >= least);
                 });
}

CLI::Validator share() {
  return checked("number from 0 to 1", [](const std::string& text) {
    const auto value = parsed<double>(text);
    return value && *value >= 0 && *value <= 1;
  });
}

}  // namespace llava_cli
