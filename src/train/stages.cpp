// The table.
#include "train/stages.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <regex>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kProjector = R"(projector\..*)";
constexpr std::string_view kProjectorAndLanguage = R"((projector|language|lm_head)\..*)";
constexpr size_t kExpressionBytes = 4096;

// clang-format off
constexpr std::array kPresets = {
    StagePreset{"llava-1.5", 1, kProjector, 1e-3, 256, 32, 1, 0.03, 0, LossMean::group, 2048, "plain", "first", "shuffled", "square",
                0, 0, 0, 0, "LLaVA c121f04, scripts/v1_5/pretrain.sh"},
    StagePreset{"llava-1.5", 2, kProjectorAndLanguage, 2e-5, 128, 16, 1, 0.03, 0, LossMean::group, 2048, "v1", "first", "grouped", "pad",
                0, 0, 0, 0, "LLaVA c121f04, scripts/v1_5/finetune.sh"},
    StagePreset{"llava-1.5-lora", 2, kProjector, 2e-4, 128, 16, 1, 0.03, 0, LossMean::group, 2048, "v1", "first", "grouped", "pad",
                2e-5, 128, 256, 0.05, "LLaVA c121f04, scripts/v1_5/finetune_lora.sh"},
    StagePreset{"llava-1.5-qlora", 2, kProjector, 2e-4, 128, 16, 1, 0.03, 0, LossMean::group, 2048, "v1", "first", "grouped", "pad",
                2e-5, 128, 256, 0.05, "LLaVA c121f04, scripts/finetune_qlora.sh and v1_5/finetune_lora.sh; the base in four bits"},
    StagePreset{"llava-v0", 1, kProjector, 2e-3, 128, 16, 1, 0.03, 0, LossMean::group, 2048, "plain", "as-written", "shuffled", "square",
                0, 0, 0, 0, "Liu et al. 2023, section 5 and appendix; LLaVA 8959d5c"},
    StagePreset{"llava-v0", 2, kProjectorAndLanguage, 2e-5, 32, 4, 3, 0.03, 0, LossMean::group, 2048, "v0", "as-written", "shuffled", "square",
                0, 0, 0, 0, "Liu et al. 2023, section 5 and appendix; LLaVA 8959d5c"},
    StagePreset{"scienceqa", 2, kProjectorAndLanguage, 2e-5, 32, 4, 12, 0.03, 0, LossMean::group, 2048, "v0", "as-written", "shuffled", "square",
                0, 0, 0, 0, "Liu et al. 2023, section 5.2"},
    StagePreset{"custom", 1, kProjector, 1e-3, 256, 32, 1, 0.03, 1, LossMean::step, 2048, "plain", "first", "shuffled", "square",
                0, 0, 0, 0, "llava-1.5 with clipping and the mean over all tokens of a step"},
    StagePreset{"custom", 2, kProjectorAndLanguage, 2e-5, 128, 16, 1, 0.03, 1, LossMean::step, 2048, "v1", "first", "grouped", "pad",
                0, 0, 0, 0, "llava-1.5 with clipping and the mean over all tokens of a step"},
};
// clang-format on

}  // namespace

std::span<const StagePreset> stage_presets() { return kPresets; }

const StagePreset& stage_preset(std::string_view name, int64_t stage) {
  std::string there;
  for (const auto& row : kPresets) {
    if (row.name == name && row.stage == stage) return row;
    there += cat(there.empty() ? "" : ", ", row.name, " stage ", row.stage);
  }
  throw Error(Status::not_found, cat("no preset \"", printable(name), "\" of stage ", stage, "; there are ", there))
      .with("presets", static_cast<int64_t>(kPresets.size()));
}

Learners::Mask mask_of(const std::string& expression) {
  if (expression.size() > kExpressionBytes)
    throw Error(Status::argument, cat("what learns has ", expression.size(), " bytes, at most ", kExpressionBytes));
  try {
    const auto compiled = std::make_shared<const std::regex>(expression, std::regex::ECMAScript | std::regex::optimize);
    return [compiled](std::string_view name) { return std::regex_match(name.begin(), name.end(), *compiled); };
  } catch (const std::regex_error& error) {
    throw Error(Status::argument, cat("what learns is \"", printable(expression), "\": ", error.what()));
  }
}

}  // namespace llava::core
