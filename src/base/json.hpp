// JSON from outside, read strictly, and its fields with messages that name key, found and expected.
//
// The scanner is nlohmann-json's, driven through a handler of ours, because on its own it builds any depth, lets the
// last of two equal keys win, skips a byte-order mark, ends at a NUL and turns 2^64 into a rounded double.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_value.hpp"
#include "base/limits.hpp"

namespace llava::core {

struct JsonLimits {
  int64_t max_bytes = limits::kConfigJsonBytes;
  int64_t max_depth = limits::kJsonDepth;
};

/// What a document is told as, for files too large for a tree. A method may throw Error(format): the message gets its
/// place in front. Strings are valid UTF-8 and may be moved from.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;
  virtual void begin_object() = 0;
  virtual void end_object() = 0;
  virtual void begin_array() = 0;
  virtual void end_array() = 0;
  virtual void key(std::string& name) = 0;  // duplicates are the receiver's to refuse
  virtual void value(Json&& scalar) = 0;    // string, number, boolean or null
};

/// Events to a tree; a key that stands twice in an object is Error(format).
class JsonTree : public JsonEvents {
 public:
  void begin_object() override;
  void end_object() override;
  void begin_array() override;
  void end_array() override;
  void key(std::string& name) override;
  void value(Json&& scalar) override;

  Json root;

 private:
  Json& place(Json&& value);

  std::vector<Json*> open_;                  // stay valid: only the innermost one grows
  std::vector<std::set<std::string>> keys_;  // of each open object
  Json* slot_ = nullptr;                     // the value of the last key
};

/// Reads one RFC 8259 value with blanks at both ends. `where` names the file in messages.
///
/// Refused as Error(format), with the byte (counted from 1) where it was noticed: anything outside RFC 8259, a
/// byte-order mark, invalid UTF-8, lone surrogates, NUL, numbers that fit neither 64 bits nor a finite double.
/// Error(limit): size, depth, strings over limits::kJsonStringBytes, numbers of more than limits::kJsonNumberBytes
/// digits.
void scan_json(std::string_view text, std::string_view where, const JsonLimits& bounds, JsonEvents& events);

/// The same as a tree; a key that stands twice in an object is Error(format).
Json parse_json(std::string_view text, std::string_view where, const JsonLimits& bounds = {});

// Typed reading. `where` is the file, or the file and the section: "config.json.text_config". A key that is absent or
// null takes the fallback; without a fallback that is Error(format), and so are a wrong type and a value out of range.
// The fallback itself is not compared with the range, so that -1 can mean "none".

/// An integer written as one: 1.0 and 1e3 are refused.
int64_t read_int(const Json& object, std::string_view key, std::string_view where, int64_t lowest, int64_t highest,
                 std::optional<int64_t> fallback = std::nullopt);
double read_number(const Json& object, std::string_view key, std::string_view where, double lowest, double highest,
                   std::optional<double> fallback = std::nullopt);
bool read_bool(const Json& object, std::string_view key, std::string_view where,
               std::optional<bool> fallback = std::nullopt);
std::string read_string(const Json& object, std::string_view key, std::string_view where,
                        std::optional<std::string_view> fallback = std::nullopt);
std::vector<int64_t> read_int_list(const Json& object, std::string_view key, std::string_view where, int64_t lowest,
                                   int64_t highest, std::optional<std::vector<int64_t>> fallback = std::nullopt);
std::vector<double> read_number_list(const Json& object, std::string_view key, std::string_view where, double lowest,
                                     double highest, std::optional<std::vector<double>> fallback = std::nullopt);

/// The value of `key`, or nullptr when it is absent or null; Error(format) when `object` is no object.
const Json* find_value(const Json& object, std::string_view key, std::string_view where);

/// The value as it stands in messages: JSON text, cut after 60 bytes.
std::string json_found(const Json& value);

/// Writes the keys that are not in `known` to the log, in one line; nothing when there are none.
void log_unknown_keys(const Json& object, std::string_view where, std::span<const std::string_view> known);

}  // namespace llava::core
