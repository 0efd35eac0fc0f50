// config.json and its companions for a checkpoint that is written.
#pragma once

#include <string>

#include "base/json.hpp"
#include "checkpoint/checkpoint.hpp"

namespace llava::core {

/// What a layout's config.json says of a model. `dtype` is the name for torch_dtype ("float16").
/// Throw Error(unsupported) for what the layout cannot say.
Json hf_config(const Checkpoint& checkpoint, const std::string& dtype);
Json original_config(const Checkpoint& checkpoint, const std::string& dtype);

/// config.json of the tower in a folder of its own.
Json tower_config(const VisionConfig& vision, const std::string& dtype);

/// preprocessor_config.json. `original`: leave out what image_aspect_ratio says in that layout. Pictures that are not padded
/// are said to be so unless checkpoint.aspect_ratio_open.
Json preprocessor_config(const Checkpoint& checkpoint, bool original);

}  // namespace llava::core
