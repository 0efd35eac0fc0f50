// A JSON value as a tree. It exists because nlohmann-json's own tree asks for memory in its destructor, which is
// noexcept: where memory has run out, that ends the process. Here destroying and moving ask for none.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace llava::core {

/// Null, boolean, number, string, list or object. Objects keep the order in which their keys came; looking one up takes
/// time linear in their number. Nesting is bounded by whoever builds the tree (limits::kJsonDepth when it was read).
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  template <std::signed_integral Integer>
  Json(Integer value) : value_(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral Integer>
  Json(Integer value) : value_(static_cast<uint64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  template <typename Item>
  Json(const std::vector<Item>& items) : Json(array_of(items)) {}

  static Json array() { return Json(Value(Array())); }
  template <typename Items>
  static Json array_of(const Items& items) {
    return Json(Value(Array(items.begin(), items.end())));
  }
  static Json object(std::initializer_list<Member> members = {}) { return Json(Value(Object(members))); }

  bool is_null() const { return std::holds_alternative<Null>(value_); }
  bool is_boolean() const { return std::holds_alternative<bool>(value_); }
  bool is_number_unsigned() const { return std::holds_alternative<uint64_t>(value_); }  // read without a minus
  bool is_number_integer() const { return is_number_unsigned() || std::holds_alternative<int64_t>(value_); }
  bool is_number_float() const { return std::holds_alternative<double>(value_); }
  bool is_number() const { return is_number_integer() || is_number_float(); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Each throws Error(internal) when the value is of another type: callers have looked.
  bool boolean() const;
  int64_t integer() const;  // also of an unsigned one up to INT64_MAX
  uint64_t unsigned_integer() const;
  double number() const;  // of any number
  const std::string& string() const;
  std::string& string();
  const Array& elements() const;
  const Object& items() const;  // key and value

  size_t size() const;  // of a list or an object; else 0
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  /// The value of a key; nullptr when it is absent or this is no object.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);

  // Throw Error(internal) when there is no such thing.
  const Json& at(std::string_view key) const;
  const Json& at(size_t index) const;

  /// At the end of a list; the reference is valid until the next one.
  Json& push_back(Json item);

  /// At the end of an object, without a look whether the key is there.
  Json& add(std::string key, Json value);

  /// In an object: in place of what the key had, or at the end.
  Json& set(std::string_view key, Json value);

  /// As RFC 8259 text: in one line, or with a line an item and `indent` blanks a level. Numbers read back as the same;
  /// NaN and infinity become null, bytes that are not UTF-8 U+FFFD.
  std::string dump(int indent = 0) const;

 private:
  // Not trivially copyable, on purpose: where every alternative is known to move without failing, the variant of
  // libstdc++ 12 takes itself to hold a value always, and destroys one that was never made when a copy of it fails.
  struct Null {
    Null() = default;
    Null(const Null&) noexcept {}
    Null& operator=(const Null&) noexcept { return *this; }
  };
  using Value = std::variant<Null, bool, int64_t, uint64_t, double, std::string, Array, Object>;
  explicit Json(Value value) : value_(std::move(value)) {}
  void dump_to(std::string& out, int indent, int depth) const;

  Value value_;
};

/// The text in quotes, as a JSON string.
std::string json_quoted(std::string_view text);

}  // namespace llava::core
