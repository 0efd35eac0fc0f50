// model.safetensors.index.json: which tensor lies in which of several files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llava::core {

struct ShardIndex {
  std::vector<std::string> shards;                      // file names, in the order of their first mention
  std::vector<std::pair<std::string, size_t>> tensors;  // name and place in `shards`, sorted by name
  std::optional<int64_t> total_bytes;                   // metadata.total_size
};

/// Throws Error(format | limit). A shard's name must be a plain file name: no slash, no backslash, no NUL, not "." and
/// not with "..", so that a downloaded index cannot point outside its folder.
ShardIndex parse_shard_index(std::string_view text, std::string_view where);

}  // namespace llava::core
