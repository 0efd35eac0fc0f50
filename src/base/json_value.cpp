// The tree and its text.
#include "base/json_value.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

template <typename Wanted, typename Value>
auto& held(Value& value, const char* what) {
  auto* const found = std::get_if<Wanted>(&value);
  if (!found) throw Error(Status::internal, cat("a JSON value was taken for ", what));
  return *found;
}

void quote_to(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  if (!valid_utf8(text)) return quote_to(out, repaired_utf8(text));
  out += '"';
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\')
      (out += '\\') += letter;
    else if (letter == '\n')
      out += "\\n";
    else if (byte < 0x20)
      ((out += "\\u00") += kHex[byte >> 4]) += kHex[byte & 15];
    else
      out += letter;
  }
  out += '"';
}

template <typename Number>
void number_to(std::string& out, Number value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void real_to(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const auto before = out.size();
  number_to(out, value);
  if (out.find_first_of(".e", before) == std::string::npos) out += ".0";  // stays a fraction when it is read back
}

}  // namespace

bool Json::boolean() const { return held<bool>(value_, "a boolean"); }

int64_t Json::integer() const {
  const auto* const large = std::get_if<uint64_t>(&value_);
  if (large && *large <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return static_cast<int64_t>(*large);
  return held<int64_t>(value_, "an integer");
}

uint64_t Json::unsigned_integer() const { return held<uint64_t>(value_, "an unsigned integer"); }

double Json::number() const {
  if (const auto* whole = std::get_if<int64_t>(&value_)) return static_cast<double>(*whole);
  if (const auto* whole = std::get_if<uint64_t>(&value_)) return static_cast<double>(*whole);
  return held<double>(value_, "a number");
}

const std::string& Json::string() const { return held<std::string>(value_, "a string"); }
std::string& Json::string() { return held<std::string>(value_, "a string"); }
const Json::Array& Json::elements() const { return held<Array>(value_, "a list"); }
const Json::Object& Json::items() const { return held<Object>(value_, "an object"); }

size_t Json::size() const {
  if (const auto* list = std::get_if<Array>(&value_)) return list->size();
  if (const auto* object = std::get_if<Object>(&value_)) return object->size();
  return 0;
}

const Json* Json::find(std::string_view key) const {
  const auto* const object = std::get_if<Object>(&value_);
  if (!object) return nullptr;
  for (const auto& [name, value] : *object)
    if (name == key) return &value;
  return nullptr;
}

Json* Json::find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).find(key)); }

const Json& Json::at(std::string_view key) const {
  const auto* const found = find(key);
  if (!found) throw Error(Status::internal, cat("a JSON value has no key \"", printable(key), "\""));
  return *found;
}

const Json& Json::at(size_t index) const {
  const auto& list = elements();
  if (index >= list.size()) throw Error(Status::internal, cat("item ", index, " of a JSON list of ", list.size()));
  return list[index];
}

Json& Json::push_back(Json item) { return held<Array>(value_, "a list").emplace_back(std::move(item)); }

Json& Json::add(std::string key, Json value) {
  return held<Object>(value_, "an object").emplace_back(std::move(key), std::move(value)).second;
}

Json& Json::set(std::string_view key, Json value) {
  if (auto* const found = find(key)) return *found = std::move(value);
  return add(std::string(key), std::move(value));
}

void Json::dump_to(std::string& out, int indent, int depth) const {
  const auto new_line = [&](int level) {
    if (indent > 0) (out += '\n').append(static_cast<size_t>(indent) * static_cast<size_t>(level), ' ');
  };
  if (is_null()) {
    out += "null";
  } else if (const auto* flag = std::get_if<bool>(&value_)) {
    out += *flag ? "true" : "false";
  } else if (const auto* whole = std::get_if<int64_t>(&value_)) {
    number_to(out, *whole);
  } else if (const auto* large = std::get_if<uint64_t>(&value_)) {
    number_to(out, *large);
  } else if (const auto* real = std::get_if<double>(&value_)) {
    real_to(out, *real);
  } else if (is_string()) {
    quote_to(out, string());
  } else if (size() == 0) {
    out += is_array() ? "[]" : "{}";
  } else if (is_array()) {
    char before = '[';
    for (const auto& item : elements()) {
      out += before;
      new_line(depth + 1);
      item.dump_to(out, indent, depth + 1);
      before = ',';
    }
    new_line(depth);
    out += ']';
  } else {
    char before = '{';
    for (const auto& [key, value] : items()) {
      out += before;
      new_line(depth + 1);
      quote_to(out, key);
      out += indent > 0 ? ": " : ":";
      value.dump_to(out, indent, depth + 1);
      before = ',';
    }
    new_line(depth);
    out += '}';
  }
}

std::string Json::dump(int indent) const {
  std::string out;
  dump_to(out, indent, 0);
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  quote_to(out, text);
  return out;
}

}  // namespace llava::core
