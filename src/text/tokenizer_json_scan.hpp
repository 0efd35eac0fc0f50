// The two long lists of a tokenizer.json without a JSON tree of a million nodes, and a tree of all the rest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace llava::core {

struct TokenizerJsonScan {
  Json rest;                                                // model.vocab and model.merges are empty here
  std::vector<std::pair<std::string, int32_t>> vocabulary;  // in the order of the file
  std::vector<std::pair<std::string, std::string>> merges;
};

/// Throws Error(format | limit) as scan_json() does, and for entries of the two lists that have the wrong type, ids
/// outside 0 … limits::kVocabulary - 1, and lists above limits::kTokenizerPieces and limits::kTokenizerMerges.
TokenizerJsonScan scan_tokenizer_json(std::string_view text, const std::string& where);

}  // namespace llava::core
