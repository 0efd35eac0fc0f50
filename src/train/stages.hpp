// The published recipes as a table: which parameters learn, how fast, on how many samples at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "train/learners.hpp"
#include "train/stepper.hpp"

namespace llava::core {

struct StagePreset {
  std::string_view name;    // "llava-1.5", "llava-v0", "scienceqa", "custom"
  int64_t stage;            // 1: feature alignment, 2: end to end
  std::string_view learns;  // regular expression over canonical names, the whole name
  double lr;
  int64_t batch;        // samples of an optimizer step
  int64_t micro_batch;  // samples whose loss is averaged together: a GPU's share in the published run
  int64_t epochs;
  double warmup_ratio;
  double clip;  // 0 = none
  LossMean loss_mean;
  int64_t max_length;  // rows of a sample, pictures counted
  std::string_view template_name;
  std::string_view image_place;         // data/sample: "first", "as-written", "random"
  std::string_view order;               // data/order: "grouped", "shuffled"
  std::string_view image_aspect_ratio;  // "square": resized and cropped; "pad": padded to a square first
  double projector_lr;                  // 0 = lr
  int64_t lora_rank;                    // 0 = no LoRA
  double lora_alpha, lora_dropout;
  std::string_view source;
};

/// All rows, in the order in which messages list them.
std::span<const StagePreset> stage_presets();

/// The row of a name and a stage. Throws Error(not_found) with the rows there are.
const StagePreset& stage_preset(std::string_view name, int64_t stage);

/// A mask from a regular expression (ECMAScript) that must fit the whole canonical name. Throws Error(argument) for an
/// expression that is none or longer than 4096 bytes.
Learners::Mask mask_of(const std::string& expression);

}  // namespace llava::core
