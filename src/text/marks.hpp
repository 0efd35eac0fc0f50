// Names that are structure wherever LLaVA meets them, though some vocabularies list them as ordinary pieces (Yi:
// "<|im_start|>") that would be found in typed text.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace llava::core {

inline bool is_mark(std::string_view text) {
  if (text.size() > 4 && text.starts_with("<|") && text.ends_with("|>")) return true;
  constexpr std::array<std::string_view, 12> kMarks = {
      "<s>",     "</s>",       "<unk>",    "<pad>",      "[PAD]",
      "<image>", "<im_start>", "<im_end>", "<im_patch>", "<image-placeholder>",
      "[INST]",  "[/INST]"};
  return std::find(kMarks.begin(), kMarks.end(), text) != kMarks.end();
}

}  // namespace llava::core
