// A model's folder: what the caller named, made absolute, and what it is called.
#pragma once

#include <string>

namespace llava::core {

/// The absolute path without a slash at the end. Throws Error(argument | limit | not_found | io | unsupported) when it
/// names no folder.
std::string model_folder(const std::string& path);

/// What people call the model in this folder: its last part; with the parent's name in front for "checkpoint-N", as the
/// original does; the repository's last part for a snapshot in the Hugging Face cache, whose folder is a hash.
std::string model_name(const std::string& folder);

/// What to say of a folder that has no config.json: what a model's folder holds, and where inside this one there is one.
std::string without_config(const std::string& folder);

/// Whether `folder` is there and holds a config.json.
bool has_config(const std::string& folder);

}  // namespace llava::core
