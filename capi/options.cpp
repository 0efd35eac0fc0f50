// Reading and checking option structs by their tables.
#include "options.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Status;

namespace {

template <typename Value>
Value read_at(const void* base, uint32_t offset) {
  Value value;
  std::memcpy(&value, static_cast<const char*>(base) + offset, sizeof value);
  return value;
}

std::string range_text(const Range& range) {
  std::string text = cat(range.above_low ? "more than " : "", range.low, " … ", range.high);
  if (range.has_unset) text += cat(", or ", range.unset, " for not chosen");
  return text;
}

[[noreturn]] void refuse(const OptionField& field, const std::string& found, const std::string& expected,
                         Status status = Status::argument) {
  throw Error(status, cat("options.", field.name, " is ", found, ", expected ", expected));
}

void check_number(const OptionField& field, double value) {
  const auto& range = field.range;
  if (range.has_unset && value == range.unset) return;
  const bool inside = value >= range.low && value <= range.high && !(range.above_low && value == range.low);
  if (!inside) refuse(field, cat(value), range_text(range));  // NaN is never inside
}

void check_choice(const OptionField& field, int32_t value) {
  const auto is_it = [&](const Choice& choice) { return choice.value == value; };
  if (std::ranges::any_of(field.choices, is_it)) return;
  std::string names;
  for (const auto& choice : field.choices)
    names += cat(names.empty() ? "" : ", ", choice.value, " (", choice.name, ")");
  refuse(field, cat(value), names);
}

void check_text(const OptionField& field, const char* text, const std::string& name) {
  const auto limit = static_cast<size_t>(field.range.high);
  const size_t size = strnlen(text, limit + 1);
  if (size > limit)
    throw Error(Status::limit, cat("options.", name, " is longer than ", limit, " bytes"))
        .with("limit", static_cast<int64_t>(limit));
  if (static_cast<double>(size) < field.range.low)
    throw Error(Status::argument, cat("options.", name, " is empty, expected at least 1 byte"));
  if (!core::valid_utf8({text, size})) throw Error(Status::argument, cat("options.", name, " is not UTF-8"));
}

void check_list(const OptionField& field, const void* options) {
  const auto count = read_at<int32_t>(options, field.count_offset);
  const auto* list = read_at<const void*>(options, field.offset);
  if (count > 0 && !list)
    throw Error(Status::argument, cat("options.", field.name, " is NULL, expected a list of ", count));
  if (field.kind == FieldKind::texts)
    for (int32_t i = 0; i < count; ++i) {
      const auto name = cat(field.name, "[", i, "]");
      const char* text = static_cast<const char* const*>(list)[i];
      if (!text) throw Error(Status::argument, cat("options.", name, " is NULL, expected a text"));
      check_text(field, text, name);
    }
  if (field.kind == FieldKind::floats)
    for (int32_t i = 0; i < count; ++i)
      if (const float value = static_cast<const float*>(list)[i]; !std::isfinite(value))
        throw Error(Status::argument,
                    cat("options.", field.name, "[", i, "] is ", value, ", expected a finite number"));
}

void check_count(const OptionField& field, int32_t count) {
  if (count < 0) refuse(field, cat(count), range_text(field.range));
  if (count > field.range.high) refuse(field, cat(count), cat("at most ", field.range.high), Status::limit);
}

void check_field(const OptionField& field, const void* options) {
  switch (field.kind) {
    case FieldKind::flag:
      if (const auto value = read_at<int32_t>(options, field.offset); value != 0 && value != 1)
        refuse(field, cat(value), "0 or 1");
      break;
    case FieldKind::choice:
      check_choice(field, read_at<int32_t>(options, field.offset));
      break;
    case FieldKind::i32:
      check_number(field, read_at<int32_t>(options, field.offset));
      break;
    case FieldKind::i64:
      check_number(field, static_cast<double>(read_at<int64_t>(options, field.offset)));
      break;
    case FieldKind::f32:
      check_number(field, static_cast<double>(read_at<float>(options, field.offset)));
      break;
    case FieldKind::f64:
      check_number(field, read_at<double>(options, field.offset));
      break;
    case FieldKind::text:
      if (const auto* text = read_at<const char*>(options, field.offset)) check_text(field, text, field.name);
      break;
    case FieldKind::count:
      check_count(field, read_at<int32_t>(options, field.offset));
      break;
    case FieldKind::reserved:
      if (const auto value = read_at<uint32_t>(options, field.offset)) refuse(field, cat(value), "0");
      break;
    case FieldKind::texts:
    case FieldKind::ids:
    case FieldKind::floats:
    case FieldKind::opaque:
      break;
  }
}

bool all_zero(const char* bytes, size_t size) {
  return std::all_of(bytes, bytes + size, [](char byte) { return byte == 0; });
}

}  // namespace

void read_options(const OptionStruct& table, const void* given, void* options) {
  std::memcpy(options, table.defaults, table.size);
  if (given) {
    const auto size = read_at<uint32_t>(given, 0);
    if (size < table.first_size || size > kLargestStruct)
      throw Error(Status::argument, cat("options.struct_size is ", size, ", expected ", table.size,
                                        "; fill the struct with ", table.initialiser, "()"));
    std::memcpy(options, given, std::min(size, table.size));
    if (size > table.size && !all_zero(static_cast<const char*>(given) + table.size, size - table.size))
      throw Error(Status::unsupported, cat("options has fields of a newer release (struct_size ", size, ", here ",
                                           table.size, ") that are not zero"));
    std::memcpy(options, &table.size, sizeof table.size);
  }
  for (const auto& field : table.fields) check_field(field, options);
  for (const auto& field : table.fields)  // counts are known to be right now
    if (field.count_offset) check_list(field, options);
}

void check_struct_size(const OptionStruct& table, size_t size) {
  if (size < table.first_size || size > kLargestStruct)
    throw Error(Status::argument, cat("struct_size is ", size, ", expected sizeof(", table.name, ") = ", table.size));
}

void init_options(const OptionStruct& table, void* options, size_t size) {
  if (!options) throw Error(Status::argument, cat("options is NULL, expected a ", table.name));
  check_struct_size(table, size);
  std::memset(options, 0, size);
  std::memcpy(options, table.defaults, std::min<size_t>(size, table.size));
  const auto written = static_cast<uint32_t>(size);
  std::memcpy(options, &written, sizeof written);
}

void fill_struct(void* out, const void* filled, uint32_t size, const char* type) {
  if (!out) throw Error(Status::argument, cat("out is NULL, expected a ", type));
  const auto given = read_at<uint32_t>(out, 0);
  if (given < size || given > kLargestStruct)  // `size` is the first release's so far
    throw Error(Status::argument, cat("out->struct_size is ", given, ", expected sizeof(", type, ") = ", size));
  std::memset(out, 0, given);
  std::memcpy(out, filled, size);
  std::memcpy(out, &given, sizeof given);
}

}  // namespace llava::capi
