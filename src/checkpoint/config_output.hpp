// config.json and its companions for a checkpoint that is written.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/checkpoint.hpp"

namespace llava::core {

using OutputJson = nlohmann::ordered_json;

/// What a layout's config.json says of a model. `dtype` is the name for torch_dtype ("float16").
/// Throw Error(unsupported) for what the layout cannot say.
OutputJson hf_config(const Checkpoint& checkpoint, const std::string& dtype);
OutputJson original_config(const Checkpoint& checkpoint, const std::string& dtype);

/// config.json of the tower in a folder of its own.
OutputJson tower_config(const VisionConfig& vision, const std::string& dtype);

/// preprocessor_config.json. `square`: leave out what image_aspect_ratio says in the original layout.
OutputJson preprocessor_config(const PreprocessConfig& rules, bool original);

}  // namespace llava::core
