// Every field of every options struct: wrong values, JSON in both directions. The cases come from the tables the
// library itself reads options by, so a new field cannot lack them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "misuse.hpp"
#include "options.hpp"

using llava::capi::FieldKind;
using llava::capi::OptionField;
using llava::capi::OptionStruct;

namespace {

/// The three functions of an options struct, and one function that reads it.
struct Calls {
  llava_status (*init)(void*, size_t);
  llava_status (*from_json)(void*, size_t, const char*, llava_buffer**);
  llava_status (*to_json)(const void*, llava_string**);
  llava_status (*use)(Fixture&, const void*);
};

template <typename Handle, typename Call>
llava_status once(Call&& call) {
  Handle* out = nullptr;
  const auto status = call(&out);
  release(out);
  return status;
}

#define LLAVA_CALLS(name, handle, expression)                                                  \
  {                                                                                            \
#name, {                                                                                   \
      [](void* o, size_t n) { return llava_##name##_init(static_cast<llava_##name*>(o), n); }, \
          [](void* o, size_t n, const char* j, llava_buffer** k) {                             \
            return llava_##name##_from_json(static_cast<llava_##name*>(o), n, j, k);           \
          },                                                                                   \
          [](const void* o, llava_string** s) {                                                \
            return llava_##name##_to_json(static_cast<const llava_##name*>(o), s);             \
          },                                                                                   \
          [](Fixture& f, const void* given) {                                                  \
            const auto* o = static_cast<const llava_##name*>(given);                           \
            return once<handle>([&](handle** out) { return expression; });                     \
          }                                                                                    \
    }                                                                                          \
  }

const Calls& calls_of(const OptionStruct& table) {
  static const std::pair<std::string, Calls> all[] = {
      LLAVA_CALLS(image_options, llava_image, llava_image_from_file(f.picture_path.c_str(), o, out)),
      LLAVA_CALLS(load_options, llava_model, llava_load(f.model_path.c_str(), o, out)),
      {"save_options",
       {[](void* o, size_t n) { return llava_save_options_init(static_cast<llava_save_options*>(o), n); },
        [](void* o, size_t n, const char* j, llava_buffer** k) {
          return llava_save_options_from_json(static_cast<llava_save_options*>(o), n, j, k);
        },
        [](const void* o, llava_string** s) {
          return llava_save_options_to_json(static_cast<const llava_save_options*>(o), s);
        },
        [](Fixture& f, const void* o) {
          return llava_convert(f.model_path.c_str(), f.fresh_target(), static_cast<const llava_save_options*>(o));
        }}},
      LLAVA_CALLS(adapter_options, llava_adapter, llava_adapter_load(f.model, f.adapter_path.c_str(), o, out)),
      LLAVA_CALLS(dataset_options, llava_string,
                  llava_dataset_check(f.data_path.c_str(), f.model_path.c_str(), o, out)),
      LLAVA_CALLS(encode_options, llava_embedding, llava_encode_image(f.model, f.image, o, out)),
      LLAVA_CALLS(forward_options, llava_tensor, llava_forward(f.model, f.ids, 3, nullptr, 0, o, out)),
      LLAVA_CALLS(template_options, llava_string, llava_apply_template(f.model, f.message_list, 1, o, out)),
      LLAVA_CALLS(session_options, llava_session, llava_session_create(f.model, o, out)),
      LLAVA_CALLS(chat_options, llava_stream,
                  llava_chat_start(Owned<llava_session>(f.fresh(f.session)), nullptr, o, out)),
      LLAVA_CALLS(train_options, llava_report, llava_train_plan(f.model_path.c_str(), o, out)),
  };
  for (const auto& [name, calls] : all)
    if ("llava_" + name == table.name) return calls;
  FAIL("no calls for ", table.name);
  return all[0].second;
}

class Struct {
 public:
  explicit Struct(const OptionStruct& table) : table_(table), bytes_(table.size + 8) {
    REQUIRE(calls_of(table).init(bytes_.data(), table.size) == LLAVA_OK);
  }
  void* data() { return bytes_.data(); }
  template <typename Value>
  void set(uint32_t offset, Value value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }

 private:
  const OptionStruct& table_;
  alignas(16) std::vector<unsigned char> bytes_;
};

// The struct is refused by its JSON writer and by the function it is for, with the field's name.
void refused(const OptionStruct& table, const char* name, Struct& options, llava_status expected,
             const std::string& what) {
  const auto& calls = calls_of(table);
  for (int way = 0; way < 2; ++way) {
    ++misuse_cases_tried;
    llava_string* text = nullptr;
    const auto status = way == 0 ? calls.to_json(options.data(), &text) : calls.use(fixture(), options.data());
    const std::string found = std::string(table.name) + "." + name + ": " + what + ": " + llava_status_name(status);
    CAPTURE(found);
    CHECK(status == expected);
    CHECK(text == nullptr);
    CHECK(std::string(llava_last_error()).find(name) != std::string::npos);
    release(text);
  }
}

template <typename Value>
void refuse_value(const OptionStruct& table, const OptionField& field, Value value,
                  llava_status expected = LLAVA_ERR_INVALID_ARGUMENT) {
  Struct options(table);
  options.set(field.offset, value);
  refused(table, field.name, options, expected, std::to_string(value));
}

template <typename Value>
void refuse_range(const OptionStruct& table, const OptionField& field) {
  const auto& range = field.range;
  const auto lowest = static_cast<double>(std::numeric_limits<Value>::lowest());
  const auto highest = static_cast<double>(std::numeric_limits<Value>::max());
  refuse_value(table, field, std::numeric_limits<Value>::lowest());
  if (range.low - 2 > lowest && range.low - 2 != range.unset)
    refuse_value(table, field, static_cast<Value>(range.low - 2));
  if (range.above_low) refuse_value(table, field, static_cast<Value>(range.low));
  if (range.high * 2 < highest && range.high * 2 + 1 != range.unset)
    refuse_value(table, field, static_cast<Value>(range.high * 2 + 1));
  if constexpr (std::is_floating_point_v<Value>) {
    refuse_value(table, field, std::numeric_limits<Value>::quiet_NaN());
    refuse_value(table, field, std::numeric_limits<Value>::infinity());
    refuse_value(table, field, -std::numeric_limits<Value>::infinity());
    if (range.low > -0.5) refuse_value(table, field, static_cast<Value>(-0.5));
  }
}

void refuse_texts(const OptionStruct& table, const OptionField& field) {
  const std::string longest(static_cast<size_t>(field.range.high) + 1, 'a');
  for (const char* text : {"\xED\xA0\x80", "\xC0\x80", "a\xE2\x82", "\xFF"}) {
    Struct options(table);
    options.set(field.offset, text);
    refused(table, field.name, options, LLAVA_ERR_INVALID_ARGUMENT, "not UTF-8");
  }
  Struct options(table);
  options.set(field.offset, longest.c_str());
  refused(table, field.name, options, LLAVA_ERR_LIMIT, "too long");
  if (field.range.low < 1) return;
  options.set(field.offset, "");
  refused(table, field.name, options, LLAVA_ERR_INVALID_ARGUMENT, "empty");
}

void refuse_list(const OptionStruct& table, const OptionField& field) {
  Struct options(table);
  options.set<int32_t>(field.count_offset, 1);
  if (std::string(field.name) != "bias_values")
    refused(table, field.name, options, LLAVA_ERR_INVALID_ARGUMENT, "NULL with a count");
  if (field.kind == FieldKind::texts) {
    const std::string long_text(257, 'x');
    for (const char* text : {static_cast<const char*>(nullptr), "", "\xFF"}) {
      options.set(field.offset, &text);
      refused(table, field.name, options, LLAVA_ERR_INVALID_ARGUMENT, text ? "bad text" : "NULL text");
    }
    const char* text = long_text.c_str();
    options.set(field.offset, &text);
    refused(table, field.name, options, LLAVA_ERR_LIMIT, "too long a text");
  }
  if (field.kind == FieldKind::floats)
    for (const float value : {NAN, INFINITY, -INFINITY}) {
      static const int32_t id = 1;
      options.set(field.offset, &value);
      options.set(field.offset - 8, &id);  // bias_ids stands before bias_values
      refused(table, field.name, options, LLAVA_ERR_INVALID_ARGUMENT, "not finite");
    }
}

void refuse_field(const OptionStruct& table, const OptionField& field) {
  switch (field.kind) {
    case FieldKind::flag:
      for (const int32_t value : {-1, 2, INT32_MAX, INT32_MIN}) refuse_value(table, field, value);
      break;
    case FieldKind::choice:
      for (const int32_t value : {-1, 99, INT32_MAX, INT32_MIN})
        if (!std::ranges::count(field.choices, value, &llava::capi::Choice::value)) refuse_value(table, field, value);
      break;
    case FieldKind::i32:
      refuse_range<int32_t>(table, field);
      break;
    case FieldKind::i64:
      refuse_range<int64_t>(table, field);
      break;
    case FieldKind::f32:
      refuse_range<float>(table, field);
      break;
    case FieldKind::f64:
      refuse_range<double>(table, field);
      break;
    case FieldKind::text:
      refuse_texts(table, field);
      break;
    case FieldKind::texts:
    case FieldKind::ids:
    case FieldKind::floats:
      refuse_list(table, field);
      break;
    case FieldKind::count:
      for (const int32_t value : {-1, INT32_MIN}) refuse_value(table, field, value);
      refuse_value(table, field, INT32_MAX, LLAVA_ERR_LIMIT);
      break;
    case FieldKind::reserved:
      for (const uint32_t value : {1u, 0x80000000u}) refuse_value(table, field, value);
      break;
    case FieldKind::opaque:
      break;
  }
}

void json_refused(const OptionStruct& table, const std::string& json, llava_status expected, const char* key) {
  ++misuse_cases_tried;
  CAPTURE(json);
  Struct options(table);
  llava_buffer* keep = nullptr;
  CHECK(calls_of(table).from_json(options.data(), table.size, json.c_str(), &keep) == expected);
  CHECK(keep == nullptr);
  CHECK(std::string(llava_last_error()).find(key) != std::string::npos);
  release(keep);
}

void refuse_json(const OptionStruct& table, const OptionField& field) {
  const auto json = [&](const char* value) { return std::string("{\"") + field.name + "\": " + value + "}"; };
  const bool formless =
      field.kind == FieldKind::opaque || field.kind == FieldKind::count || field.kind == FieldKind::reserved;
  json_refused(table, json("{}"), LLAVA_ERR_INVALID_ARGUMENT, field.name);
  if (formless || field.kind != FieldKind::flag)
    json_refused(table, json("true"), LLAVA_ERR_INVALID_ARGUMENT, field.name);
  if (field.kind != FieldKind::text && field.kind != FieldKind::choice)
    json_refused(table, json("\"x\""), LLAVA_ERR_INVALID_ARGUMENT, field.name);
  if (field.kind == FieldKind::choice)
    json_refused(table, json("\"no such name\""), LLAVA_ERR_INVALID_ARGUMENT, field.name);
  if (field.kind == FieldKind::i32 || field.kind == FieldKind::i64) {
    json_refused(table, json("1.5"), LLAVA_ERR_INVALID_ARGUMENT, field.name);
    json_refused(table, json("18446744073709551615"), LLAVA_ERR_INVALID_ARGUMENT, field.name);
  }
  if (field.kind == FieldKind::i32 || field.kind == FieldKind::i64 || field.kind == FieldKind::f32 ||
      field.kind == FieldKind::f64)
    json_refused(table, json("-77777777"), LLAVA_ERR_INVALID_ARGUMENT, field.name);
  if (field.kind == FieldKind::text) json_refused(table, json("\"a\\u0000b\""), LLAVA_ERR_INVALID_ARGUMENT, field.name);
  if (field.count_offset) json_refused(table, json("[true]"), LLAVA_ERR_INVALID_ARGUMENT, field.name);
}

}  // namespace

TEST_SUITE("capi/options") {
  TEST_CASE("every wrong value of every field is refused by name") {
    for (const auto* table : llava::capi::option_structs())
      for (const auto& field : table->fields) refuse_field(*table, field);
  }

  TEST_CASE("every wrong JSON value of every field is refused by key") {
    for (const auto* table : llava::capi::option_structs()) {
      for (const auto& field : table->fields) refuse_json(*table, field);
      json_refused(*table, "{\"no_such_key\": 1}", LLAVA_ERR_INVALID_ARGUMENT, "no_such_key");
      json_refused(*table, "{\"struct_size\": 1}", LLAVA_ERR_INVALID_ARGUMENT, "struct_size");
    }
  }

  TEST_CASE("defaults go to JSON and back unchanged") {
    for (const auto* table : llava::capi::option_structs()) {
      Struct options(*table), back(*table);
      Owned<llava_string> text;
      Owned<llava_buffer> keep;
      const auto& calls = calls_of(*table);
      REQUIRE(calls.to_json(options.data(), text.out()) == LLAVA_OK);
      REQUIRE(calls.from_json(back.data(), table->size, llava_string_data(text), keep.out()) == LLAVA_OK);
      Owned<llava_string> again;
      REQUIRE(calls.to_json(back.data(), again.out()) == LLAVA_OK);
      CHECK(std::string(llava_string_data(text)) == llava_string_data(again));
    }
  }

  TEST_CASE("texts and lists of JSON live in the kept buffer") {
    llava_chat_options options;
    const char* const json = R"({"temperature": 0.5, "stop": ["###", "end"], "stop_ids": [1, 2],
                                 "bias_ids": [3], "bias_values": [-1.5], "on_cancel": "keep"})";
    CHECK(llava_chat_options_from_json(&options, sizeof options, json, nullptr) == LLAVA_ERR_INVALID_ARGUMENT);
    Owned<llava_buffer> keep;
    REQUIRE(llava_chat_options_from_json(&options, sizeof options, json, keep.out()) == LLAVA_OK);
    CHECK(keep.handle != nullptr);
    CHECK(options.temperature == 0.5f);
    REQUIRE(options.stop_count == 2);
    CHECK(std::string(options.stop[1]) == "end");
    REQUIRE(options.stop_id_count == 2);
    CHECK(options.stop_ids[1] == 2);
    REQUIRE(options.bias_count == 1);
    CHECK(options.bias_values[0] == -1.5f);
    CHECK(options.on_cancel == LLAVA_CANCEL_KEEP);
    CHECK(llava_chat_options_from_json(&options, sizeof options, R"({"bias_ids": [1, 2], "bias_values": [1]})",
                                       keep.out()) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("a struct of an older release is completed with defaults") {
    struct Old {
      uint32_t struct_size;
      int32_t first;
    };
    struct New {
      uint32_t struct_size;
      int32_t first;
      int32_t second;
      uint32_t reserved;
    };
    static constexpr New kDefaults = {sizeof(New), 1, 7, 0};
    static constexpr OptionField kFields[] = {
        {"first", FieldKind::flag, offsetof(New, first)},
        {"second", FieldKind::i32, offsetof(New, second), {0, 10, false, false, 0}}};
    const OptionStruct table = {"new", "new_init", sizeof(New), sizeof(Old), &kDefaults, kFields};
    const Old old = {sizeof(Old), 0};
    New read = {};

    llava::capi::read_options(table, &old, &read);

    CHECK(read.first == 0);
    CHECK(read.second == 7);
    CHECK(read.struct_size == sizeof(New));
    Old filled = {};
    llava::capi::init_options(table, &filled, sizeof filled);
    CHECK(filled.struct_size == sizeof(Old));
    CHECK(filled.first == 1);
  }
}
