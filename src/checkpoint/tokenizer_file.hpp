// Which file of a folder is its tokenizer.
#pragma once

#include <memory>
#include <string>

#include "checkpoint/added_tokens.hpp"
#include "text/tokenizer.hpp"

namespace llava::core {

/// Opens tokenizer.model, or tokenizer.json where that is all there is. `file` receives the name, `unused` the other
/// one's where both are there: sentencepiece's file is the original, the other was converted from it.
/// Throws Error(not_found) when there is neither, and as Tokenizer does.
std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& folder, const TokenizerSettings& settings,
                                                std::string& file, std::string& unused);

}  // namespace llava::core
