// safetensors files: opened as mapped views, written whole or not at all.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/open_options.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

/// One file. Throws what parse_safetensors_header() throws, Error(not_found | io | cancelled | timeout).
TensorMap open_safetensors(const std::string& path, const OpenOptions& options = {});

/// Writes the tensors under `path` (base/files, AtomicFile). Those of wide types come first and the data begin at a
/// multiple of 64, so that every tensor of a mapped file is aligned to its type. `owner` and `file` are not looked at.
/// Throws Error(argument) for an empty, repeated or non-UTF-8 name or a size that is not the shape's, Error(io).
void write_safetensors(const std::string& path, std::span<const TensorView> tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata = {});

}  // namespace llava::core
