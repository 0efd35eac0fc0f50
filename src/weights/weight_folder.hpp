// The weights of a model folder as Hugging Face lays it out: one file, or an index and its shards.
#pragma once

#include <string>

#include "weights/open_options.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

/// Opens the first of these that is there: model.safetensors; model.safetensors.index.json and all its shards;
/// pytorch_model.bin; pytorch_model.bin.index.json and all its shards.
///
/// Throws Error(not_found) naming what was looked for, Error(unsupported) when the folder holds only torch .bin files
/// and options.allow_pickle is off, Error(format) when index and shards do not agree: a tensor listed and absent,
/// present and not listed, or in two shards; and what open_safetensors() and open_torch_file() throw. A total_size that
/// is off is written to the log: published indexes are.
TensorMap open_weight_folder(const std::string& folder, const OpenOptions& options = {});

/// The names that the folder's index lists, whatever has become of its shards; none where it has no readable index.
std::vector<std::string> listed_tensors(const std::string& folder);

}  // namespace llava::core
