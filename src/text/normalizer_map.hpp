// Checks the character map of a sentencepiece model (a double-array trie and a string area) before sentencepiece walks
// it: sentencepiece follows its units without looking where they lead.
#pragma once

#include <string>
#include <string_view>

namespace llava::core {

/// `map` is the field precompiled_charsmap; empty is allowed and means no map (LLaMA's).
/// Throws Error(format) unless: 4 + the declared trie size < the map's size; the declared size is a multiple of 1024;
/// every block reachable from the root lies inside; no path comes back to itself; every value lies inside the string
/// area, and the replacement it names is at most 256 bytes; at most 32 values on one path; the area ends in NUL.
/// Error(limit) above limits::kNormalizerMapBytes.
/// Source: sentencepiece 0.2.1, normalizer.cc; darts-clone, DoubleArrayUnit.
void check_normalizer_map(std::string_view map, const std::string& where);

}  // namespace llava::core
