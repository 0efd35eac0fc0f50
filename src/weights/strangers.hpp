// What people mistake for a weight file, by its first bytes.
#pragma once

#include <string_view>

namespace llava::core {

/// A phrase for messages, "a Git LFS pointer, the weights were not downloaded"; "" for nothing known.
std::string_view told_stranger(std::string_view begin);

}  // namespace llava::core
