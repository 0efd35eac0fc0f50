// Option structs described by tables. One table serves reading a struct of any release, checking every field, the JSON
// form in both directions, and the tests, which try each field's wrong values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llava::capi {

enum class FieldKind : uint8_t {
  flag,    // int32_t 0 or 1
  choice,  // int32_t, one of named values
  i32,
  i64,
  f32,
  f64,
  text,     // const char*, may be NULL
  texts,    // const char* const*, `count` of them
  ids,      // const int32_t*
  floats,   // const float*
  count,    // int32_t, the length of a list; no JSON form, it follows from the list
  opaque,   // handle, callback, user data: no JSON form
  reserved  // must be 0
};

struct Choice {
  std::string_view name;
  int32_t value;
};

struct Range {
  double low = 0, high = 0;  // inclusive; numbers, and the size in bytes of texts
  bool above_low = false;    // low itself does not belong to it
  bool has_unset = false;
  double unset = 0;  // a value outside the range that means "not chosen"
};

struct OptionField {
  const char* name;
  FieldKind kind;
  uint32_t offset;
  Range range = {};
  std::span<const Choice> choices = {};
  uint32_t count_offset = 0;  // lists
};

struct OptionStruct {
  const char* name;         // "llava_load_options"
  const char* initialiser;  // "llava_load_options_init"
  uint32_t size;
  uint32_t first_size;  // in the first release that had it
  const void* defaults;
  std::span<const OptionField> fields;
};

/// The largest struct_size anyone may pass.
inline constexpr uint32_t kLargestStruct = 64 << 10;

/// The table of an option struct; specialised in option_tables.cpp.
template <typename Options>
const OptionStruct& option_struct();

/// All tables, for the tests.
std::span<const OptionStruct* const> option_structs();

/// Copies what the caller gave (NULL: defaults) into a struct of this release and checks every field.
/// Throws Error(argument) for a bad struct_size and a bad field (named, with value and range), Error(unsupported) when
/// a newer caller set something unknown, Error(limit) for lists and texts that are too long.
void read_options(const OptionStruct& table, const void* given, void* options);

/// Throws Error(argument) for a size that no release had.
void check_struct_size(const OptionStruct& table, size_t size);

/// Writes defaults for a caller of any release; struct_size becomes `size`.
void init_options(const OptionStruct& table, void* options, size_t size);

/// Memory that options read from JSON point into.
struct KeptMemory {
  std::vector<std::string> texts;
  std::vector<std::vector<const char*>> text_lists;
  std::vector<std::vector<int32_t>> id_lists;
  std::vector<std::vector<float>> float_lists;

  bool empty() const { return texts.empty() && text_lists.empty() && id_lists.empty() && float_lists.empty(); }
};

/// Reads JSON over the defaults. Throws Error(format) with a byte offset, Error(argument) with the key.
void options_from_json(const OptionStruct& table, std::string_view json, void* options, KeptMemory& keep);

std::string options_to_json(const OptionStruct& table, const void* options);

template <typename Options>
Options read_options(const Options* given) {
  Options options;
  read_options(option_struct<Options>(), given, &options);
  return options;
}

/// Writes a struct the library fills: at most out->struct_size bytes, zeros where the caller's is longer.
void fill_struct(void* out, const void* filled, uint32_t size, const char* type);

template <typename Struct>
void fill_struct(Struct* out, Struct filled, const char* type) {
  fill_struct(out, &filled, sizeof(Struct), type);
}

}  // namespace llava::capi
