// Where the vision tower lies that a checkpoint names and does not hold.
#pragma once

#include <string>
#include <vector>

namespace llava::core {

struct TowerPlace {
  std::string folder;               // "" when none was found
  std::string why;                  // "beside the model", "in the Hugging Face cache", …
  std::vector<std::string> looked;  // every place that was looked at, in order
};

/// Looks for a folder with a config.json, in this order: `asked` (the caller's option, which must be one); `name` when
/// it is an absolute path; `name` and its last part inside the model's folder, then beside it; `name` as a repository
/// id in the Hugging Face cache. Nothing is downloaded.
///
/// The cache is $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub,
/// else
/// ~/.cache/huggingface/hub; a repository "org/name" is models--org--name, its files lie in snapshots/<revision>, where
/// refs/main holds the revision; without it a single snapshot is taken. Source: huggingface_hub v0.34, constants.py and
/// the "Understand caching" page.
///
/// Throws Error(not_found) when `asked` is no such folder; else the caller decides what an empty folder means.
TowerPlace find_vision_tower(const std::string& name, const std::string& asked, const std::string& model_folder);

/// Where the Hugging Face cache has the repository "org/name": a folder, or, where it has none, where it would lie; "" when
/// there is no cache or the name is no such name.
std::string hub_snapshot(const std::string& name);

}  // namespace llava::core
