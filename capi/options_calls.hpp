// The three functions that every options struct has.
#pragma once

#include "arguments.hpp"
#include "options.hpp"

namespace llava::capi {

/// Body of llava_<x>_options_from_json(). Throws Error(argument) when texts or lists have no owner.
void options_from_json_call(const OptionStruct& table, void* options, size_t struct_size, const char* json,
                            llava_buffer** keep);

/// Body of llava_<x>_options_to_json().
llava_string* options_to_json_call(const OptionStruct& table, const void* options);

#define LLAVA_OPTIONS(name)                                                                                            \
  llava_status llava_##name##_options_init(llava_##name##_options* options, size_t struct_size) {                      \
    return guarded(                                                                                                    \
        {}, [&] { init_options(option_struct<llava_##name##_options>(), options, struct_size); }, __func__);           \
  }                                                                                                                    \
  llava_status llava_##name##_options_from_json(llava_##name##_options* options, size_t struct_size, const char* json, \
                                                llava_buffer** keep) {                                                 \
    return guarded(                                                                                                    \
        cleared(keep),                                                                                                 \
        [&] { options_from_json_call(option_struct<llava_##name##_options>(), options, struct_size, json, keep); },    \
        __func__);                                                                                                     \
  }                                                                                                                    \
  llava_status llava_##name##_options_to_json(const llava_##name##_options* options, llava_string** out) {             \
    return guarded(                                                                                                    \
        cleared(out),                                                                                                  \
        [&] {                                                                                                          \
          required(out, "out");                                                                                        \
          *out = options_to_json_call(option_struct<llava_##name##_options>(), options);                               \
        },                                                                                                             \
        __func__);                                                                                                     \
  }

}  // namespace llava::capi
