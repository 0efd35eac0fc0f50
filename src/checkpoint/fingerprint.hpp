// What tells one model from another: embeddings and saved sessions carry it, so that they are not used with a model
// they were not made by.
#pragma once

#include <string>
#include <string_view>

#include "model/weight_names.hpp"

namespace llava::core {

/// 32 hex digits over config.json, every tensor's canonical name, shape and dtype, and the first and last 4 KiB of each
/// tensor of vision tower and projector (image_newline with them). Reads a few hundred KiB, never the whole file.
std::string model_fingerprint(std::string_view config_text, const NamedTensors& tensors);

}  // namespace llava::core
