// Keys of config.json that nobody reads: those that would change numbers are refused, strangers are told of.
#pragma once

#include <string_view>

#include "base/json.hpp"

namespace llava::core {

/// Which part of a checkpoint's configuration an object is.
enum class ConfigSection { model, language, vision };

/// Throws Error(unsupported) naming the key when the object asks for arithmetic that is not computed here
/// (quantization_config, partial_rotary_factor other than 1). Keys that neither this library nor, for all that is
/// known, the arithmetic needs are passed over; any other is named in a warning.
void check_config_keys(const Json& json, ConfigSection section, std::string_view where);

}  // namespace llava::core
