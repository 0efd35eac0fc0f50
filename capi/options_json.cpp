// The JSON form of option structs, both directions, by table.
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "last_error.hpp"
#include "options.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Status;
using json = core::Json;

namespace {

template <typename Value>
void write_at(void* base, uint32_t offset, Value value) {
  std::memcpy(static_cast<char*>(base) + offset, &value, sizeof value);
}

template <typename Value>
Value read_at(const void* base, uint32_t offset) {
  Value value;
  std::memcpy(&value, static_cast<const char*>(base) + offset, sizeof value);
  return value;
}

[[noreturn]] void refuse(const OptionField& field, const json& value, const char* expected) {
  throw Error(Status::argument, cat("key \"", field.name, "\" is ", std::string(core::clip_utf8(value.dump(), 80)),
                                    ", expected ", expected));
}

template <typename Integer>
Integer whole(const OptionField& field, const json& value) {
  const bool fits = value.is_number_integer() &&
                    (value.is_number_unsigned()
                         ? value.unsigned_integer() <= static_cast<uint64_t>(std::numeric_limits<Integer>::max())
                         : value.integer() >= std::numeric_limits<Integer>::min());
  if (!fits) refuse(field, value, "a whole number in range");
  return value.is_number_unsigned() ? static_cast<Integer>(value.unsigned_integer())
                                    : static_cast<Integer>(value.integer());
}

const char* kept_text(const OptionField& field, const json& value, KeptMemory& keep) {
  if (!value.is_string()) refuse(field, value, "a text");
  auto text = value.string();
  if (text.find('\0') != std::string::npos) refuse(field, value, "a text without NUL");
  keep.texts.push_back(std::move(text));
  return keep.texts.back().c_str();
}

void read_texts(const OptionField& field, const json& value, void* options, KeptMemory& keep) {
  std::vector<const char*> list;
  for (const auto& item : value.elements()) list.push_back(kept_text(field, item, keep));
  keep.text_lists.push_back(std::move(list));
  write_at<const void*>(options, field.offset, keep.text_lists.back().data());
}

void read_ids(const OptionField& field, const json& value, void* options, KeptMemory& keep) {
  std::vector<int32_t> list;
  for (const auto& item : value.elements()) list.push_back(whole<int32_t>(field, item));
  keep.id_lists.push_back(std::move(list));
  write_at<const void*>(options, field.offset, keep.id_lists.back().data());
}

void read_floats(const OptionField& field, const json& value, void* options, KeptMemory& keep) {
  std::vector<float> list;
  for (const auto& item : value.elements()) {
    if (!item.is_number()) refuse(field, item, "a number");
    list.push_back(static_cast<float>(item.number()));
  }
  keep.float_lists.push_back(std::move(list));
  write_at<const void*>(options, field.offset, keep.float_lists.back().data());
}

void read_list(const OptionField& field, const json& value, void* options, KeptMemory& keep, uint64_t& counted) {
  if (!value.is_array()) refuse(field, value, "a list");
  const auto count = static_cast<int32_t>(std::min<size_t>(value.size(), std::numeric_limits<int32_t>::max()));
  const uint64_t bit = uint64_t{1} << (field.count_offset / 4 % 64);
  if (counted & bit && read_at<int32_t>(options, field.count_offset) != count)
    throw Error(Status::argument, cat("key \"", field.name, "\" has ", count, " items, expected ",
                                      read_at<int32_t>(options, field.count_offset), " as its partner"));
  counted |= bit;
  write_at<int32_t>(options, field.count_offset, count);
  if (field.kind == FieldKind::texts)
    read_texts(field, value, options, keep);
  else if (field.kind == FieldKind::ids)
    read_ids(field, value, options, keep);
  else
    read_floats(field, value, options, keep);
}

void read_field(const OptionField& field, const json& value, void* options, KeptMemory& keep, uint64_t& counted) {
  switch (field.kind) {
    case FieldKind::flag:
      if (!value.is_boolean()) refuse(field, value, "true or false");
      return write_at<int32_t>(options, field.offset, value.boolean() ? 1 : 0);
    case FieldKind::choice:
      if (!value.is_string()) refuse(field, value, "a name");
      for (const auto& choice : field.choices)
        if (value.string() == choice.name) return write_at<int32_t>(options, field.offset, choice.value);
      refuse(field, value, cat("one of its names, such as \"", field.choices[0].name, "\"").c_str());
    case FieldKind::i32:
      return write_at(options, field.offset, whole<int32_t>(field, value));
    case FieldKind::i64:
      return write_at(options, field.offset, whole<int64_t>(field, value));
    case FieldKind::f32:
      if (!value.is_number()) refuse(field, value, "a number");
      return write_at(options, field.offset, static_cast<float>(value.number()));
    case FieldKind::f64:
      if (!value.is_number()) refuse(field, value, "a number");
      return write_at(options, field.offset, value.number());
    case FieldKind::text:
      return write_at<const char*>(options, field.offset, value.is_null() ? nullptr : kept_text(field, value, keep));
    case FieldKind::texts:
    case FieldKind::ids:
    case FieldKind::floats:
      return read_list(field, value, options, keep, counted);
    case FieldKind::count:
    case FieldKind::opaque:
    case FieldKind::reserved:
      break;
  }
  throw Error(Status::argument, cat("key \"", field.name, "\" has no JSON form"));
}

const OptionField& find_field(const OptionStruct& table, const std::string& key) {
  for (const auto& field : table.fields)
    if (key == field.name) return field;
  throw Error(Status::argument, cat("key \"", key, "\" is unknown to ", table.name));
}

std::string number_text(float value) { return std::isfinite(value) ? cat(value) : "null"; }

std::string json_number(double value) { return json(value).dump(); }  // reads back as the same

template <typename Item, typename Writer>
std::string list_text(const OptionField& field, const void* options, Writer&& write) {
  const auto* list = read_at<const Item*>(options, field.offset);
  std::string text = "[";
  for (int32_t i = 0; i < read_at<int32_t>(options, field.count_offset); ++i) {
    if (i) text += ',';
    text += write(list[i]);
  }
  return text + "]";
}

std::string choice_text(const OptionField& field, int32_t value) {
  for (const auto& choice : field.choices)
    if (choice.value == value) return json_quoted(choice.name);
  return cat(value);
}

std::string field_text(const OptionField& field, const void* options) {
  switch (field.kind) {
    case FieldKind::flag:
      return read_at<int32_t>(options, field.offset) ? "true" : "false";
    case FieldKind::choice:
      return choice_text(field, read_at<int32_t>(options, field.offset));
    case FieldKind::i32:
      return cat(read_at<int32_t>(options, field.offset));
    case FieldKind::i64:
      return cat(static_cast<long long>(read_at<int64_t>(options, field.offset)));
    case FieldKind::f32:
      return number_text(read_at<float>(options, field.offset));
    case FieldKind::f64:
      return json_number(read_at<double>(options, field.offset));
    case FieldKind::text: {
      const auto* text = read_at<const char*>(options, field.offset);
      return text ? json_quoted(text) : "null";
    }
    case FieldKind::texts:
      return list_text<const char*>(field, options, [](const char* t) { return json_quoted(t); });
    case FieldKind::ids:
      return list_text<int32_t>(field, options, [](int32_t id) { return cat(id); });
    case FieldKind::floats:
      return list_text<float>(field, options, number_text);
    default:
      return "";
  }
}

}  // namespace

void options_from_json(const OptionStruct& table, std::string_view text, void* options, KeptMemory& keep) {
  const auto values = core::parse_json(text, "json");
  if (!values.is_object()) throw Error(Status::argument, "json is no object, expected {\"field\": value, …}");
  std::memcpy(options, table.defaults, table.size);
  keep = KeptMemory();
  size_t texts = 0;
  for (const auto& [key, value] : values.items()) texts += value.is_array() ? value.size() : 1;
  keep.texts.reserve(texts);
  uint64_t counted = 0;
  for (const auto& [key, value] : values.items()) read_field(find_field(table, key), value, options, keep, counted);
  std::vector<char> checked(table.size);
  read_options(table, options, checked.data());
}

std::string options_to_json(const OptionStruct& table, const void* options) {
  std::string text = "{";
  for (const auto& field : table.fields) {
    const auto value = field_text(field, options);
    if (!value.empty()) text += cat(text.size() > 1 ? "," : "", "\"", field.name, "\":", value);
  }
  return text + "}";
}

}  // namespace llava::capi
