// The small files beside the weights, and whether they fit the model: tokenizer, preprocessing, generation defaults,
// template.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "checkpoint/checkpoint.hpp"

namespace llava::core {

/// What the layout knows of the companions.
struct CompanionSettings {
  std::string tower_folder;     // "" when the tower has none of its own
  bool original = false;        // preprocessing is the tower's with `aspect_ratio`; else the model folder's
  std::string aspect_ratio;     // image_aspect_ratio: "" and "square" crop, "pad" pads, "anyres" is checkpoint.tiling
  bool projector_only = false;  // what stage 1 of the original leaves
  bool start_end = false;       // <im_start> and <im_end> stand around a picture
  bool patch_token = false;     // the tokenizer gets <im_patch>
};

/// Fills tokenizer, image marks, preprocessing, defaults, template and context of `checkpoint`, whose path, name,
/// config and tiling are set, and checks them against each other.
/// Files that are absent or broken join `problems`, and what depends on them stays empty. Throws Error(argument).
void read_companions(Checkpoint& checkpoint, const CompanionSettings& settings, const LoadOptions& options,
                     std::vector<Error>& problems);

/// Prepares pictures otherwise than the checkpoint says: "pad" to a square before they are resized, "square" not. Where
/// nothing would make a square then, the centre is cropped. `where` stands in messages.
/// Throws Error(argument) for another value, Error(unsupported) for a model that cuts pictures into tiles.
void set_aspect_ratio(Checkpoint& checkpoint, const std::string& value, const std::string& where);

}  // namespace llava::core
