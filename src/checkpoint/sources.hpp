// Opening the files that weights come from: headers are read, weights are mapped.
#pragma once

#include <string>

#include "checkpoint/checkpoint.hpp"
#include "model/weight_names.hpp"

namespace llava::core {

/// Every tensor of a model folder (weights/weight_folder) under its canonical name. Returns the layout that the name of
/// the language model's last norm belongs to ("hf", "hf-5", "original"), "" when it has none.
/// These throw Error(not_found | format | unsupported | limit | io | cancelled | timeout).
std::string add_model_weights(NamedTensors& tensors, const std::string& folder, const LoadOptions& options);

/// The vision tower of a CLIPVisionModel's or a CLIPModel's folder; the rest of the latter is passed over.
void add_tower_weights(NamedTensors& tensors, const std::string& folder, const LoadOptions& options);

/// A file that holds a projector, under any prefix (model/weight_names, projector_name). Error(format) when it holds
/// none, and Error(unsupported) when token embeddings lie beside it: they would have to replace rows of the base.
void add_projector_weights(NamedTensors& tensors, const std::string& path, const LoadOptions& options);

}  // namespace llava::core
