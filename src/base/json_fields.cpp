// Typed fields of a JSON object. One function checks presence, each reader checks type and range.
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

[[noreturn]] void misfit(std::string_view where, std::string_view place, const Json& found,
                         const std::string& expected) {
  throw Error(Status::format, cat(where, ": ", place, " is ", json_found(found), ", expected ", expected));
}

// nullptr when the fallback is due
const Json* required(const Json& object, std::string_view key, std::string_view where, bool has_fallback,
                     const std::string& expected) {
  const auto* found = find_value(object, key, where);
  if (!found && !has_fallback) throw Error(Status::format, cat(where, ": ", key, " is missing, expected ", expected));
  return found;
}

std::string range_text(int64_t lowest, int64_t highest) {
  using Bounds = std::numeric_limits<int64_t>;
  if (lowest == Bounds::min() && highest == Bounds::max()) return "an integer";
  if (highest == Bounds::max()) return cat("an integer >= ", lowest);
  return cat("an integer in ", lowest, "..", highest);
}

std::string range_text(double lowest, double highest) {
  if (lowest <= -std::numeric_limits<double>::max() && highest >= std::numeric_limits<double>::max()) return "a number";
  if (highest >= std::numeric_limits<double>::max()) return cat("a number >= ", lowest);
  return cat("a number in ", lowest, "..", highest);
}

int64_t as_int(const Json& value, std::string_view place, std::string_view where, int64_t lowest, int64_t highest) {
  constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();
  const bool too_large = value.is_number_unsigned() && value.unsigned_integer() > kLargest;
  if (value.is_number_integer() && !too_large) {
    const auto number = value.integer();
    if (number >= lowest && number <= highest) return number;
  }
  misfit(where, place, value, range_text(lowest, highest));
}

double as_number(const Json& value, std::string_view place, std::string_view where, double lowest, double highest) {
  if (value.is_number()) {
    const auto number = value.number();
    if (number >= lowest && number <= highest) return number;
  }
  misfit(where, place, value, range_text(lowest, highest));
}

template <typename Number, typename Convert>
std::vector<Number> read_list(const Json& object, std::string_view key, std::string_view where, Number lowest,
                              Number highest, const std::optional<std::vector<Number>>& fallback, Convert convert) {
  const auto expected = cat("a list, each ", range_text(lowest, highest));
  const auto* value = required(object, key, where, fallback.has_value(), expected);
  if (!value) return *fallback;
  if (!value->is_array()) misfit(where, key, *value, expected);
  std::vector<Number> list;
  list.reserve(value->size());
  for (const auto& item : value->elements())
    list.push_back(convert(item, cat(key, '[', list.size(), ']'), where, lowest, highest));
  return list;
}

}  // namespace

const Json* find_value(const Json& object, std::string_view key, std::string_view where) {
  if (!object.is_object()) throw Error(Status::format, cat(where, ": is ", json_found(object), ", expected an object"));
  const auto* const value = object.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

int64_t read_int(const Json& object, std::string_view key, std::string_view where, int64_t lowest, int64_t highest,
                 std::optional<int64_t> fallback) {
  const auto* value = required(object, key, where, fallback.has_value(), range_text(lowest, highest));
  return value ? as_int(*value, key, where, lowest, highest) : *fallback;
}

double read_number(const Json& object, std::string_view key, std::string_view where, double lowest, double highest,
                   std::optional<double> fallback) {
  const auto* value = required(object, key, where, fallback.has_value(), range_text(lowest, highest));
  return value ? as_number(*value, key, where, lowest, highest) : *fallback;
}

bool read_bool(const Json& object, std::string_view key, std::string_view where, std::optional<bool> fallback) {
  const auto* value = required(object, key, where, fallback.has_value(), "true or false");
  if (!value) return *fallback;
  if (!value->is_boolean()) misfit(where, key, *value, "true or false");
  return value->boolean();
}

std::string read_string(const Json& object, std::string_view key, std::string_view where,
                        std::optional<std::string_view> fallback) {
  const auto* value = required(object, key, where, fallback.has_value(), "a string");
  if (!value) return std::string(*fallback);
  if (!value->is_string()) misfit(where, key, *value, "a string");
  return value->string();
}

std::vector<int64_t> read_int_list(const Json& object, std::string_view key, std::string_view where, int64_t lowest,
                                   int64_t highest, std::optional<std::vector<int64_t>> fallback) {
  return read_list(object, key, where, lowest, highest, fallback, as_int);
}

std::vector<double> read_number_list(const Json& object, std::string_view key, std::string_view where, double lowest,
                                     double highest, std::optional<std::vector<double>> fallback) {
  return read_list(object, key, where, lowest, highest, fallback, as_number);
}

std::string json_found(const Json& value) {
  constexpr size_t kShown = 60;
  if (value.is_object()) return cat("an object of ", value.size(), value.size() == 1 ? " key" : " keys");
  if (value.is_array()) return cat("a list of ", value.size());
  if (value.is_string()) return cat('"', printable(value.string(), kShown), '"');
  return value.dump();
}

void log_unknown_keys(const Json& object, std::string_view where, std::span<const std::string_view> known) {
  if (!object.is_object() || !log_wanted(LogLevel::warning)) return;
  std::string names;
  for (const auto& [key, value] : object.items()) {
    bool is_known = false;
    for (const auto name : known) is_known = is_known || name == key;
    if (!is_known) names += (names.empty() ? "" : ", ") + printable(key);
  }
  if (!names.empty()) log_warning(cat(where, ": keys that are not used: ", names));
}

}  // namespace llava::core
