// Which of the published shapes a folder has, and what its configuration says. Weights are opened, not read.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/companions.hpp"
#include "model/weight_names.hpp"

namespace llava::core {

struct FoundLayout {
  NamedTensors tensors;
  CompanionSettings companions;
  std::vector<Error> problems;      // of parts that are absent or cannot be opened
  std::vector<std::string> absent;  // canonical prefixes of those parts
};

/// Recognises the folder checkpoint.path by its config.json and fills layout, family, sources, config, tiling and notes.
/// Weights that are absent or damaged are problems, and what the configuration says of them stands: of a vision tower that
/// is not found the sizes its name stands for, else none (checkpoint.vision_known).
///
///   hf        text_config: LlavaForConditionalGeneration or LlavaNextForConditionalGeneration, names of
///             transformers <= 4.51 ("hf") or later ("hf-5")
///   original  mm_vision_tower or an mm_projector inside: haotian-liu/LLaVA, v0 to v1.6; the tower inside the
///             checkpoint or found by checkpoint/vision_lookup
///   parts     a LLaMA or Mistral by itself; options.projector and options.vision_tower make it a LLaVA
///
/// options.vision_tower and options.projector replace what the checkpoint has.
/// Throws Error(not_found | format | unsupported | limit | io | cancelled | timeout) for a configuration that cannot be
/// understood.
FoundLayout find_layout(Checkpoint& checkpoint, const Json& config, const LoadOptions& options);

}  // namespace llava::core
