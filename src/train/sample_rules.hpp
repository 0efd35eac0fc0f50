// How the records of a file become samples for a model: one rule for the check before a run and for the run.
#pragma once

#include <cstdint>
#include <string>

#include "checkpoint/checkpoint.hpp"
#include "data/pictures.hpp"
#include "data/sample.hpp"

namespace llava::core {

/// What a caller may choose.
struct SampleChoice {
  std::string template_name;  // "" = the model's own for conversations
  LabelRule labels = LabelRule::spans;
  ImagePlace place = ImagePlace::first;
  uint64_t seed = 0;       // of ImagePlace::random
  int64_t max_length = 0;  // positions of a sample; 0, or more than the model's context: that
};

/// Throws Error(not_found) for a template that there is not.
SampleRules sample_rules(const SampleChoice& choice, const Checkpoint& model);

/// Pictures of the records in `data_file`: below `images`, or below the file's own folder where that is "".
PictureRules picture_rules(const std::string& data_file, const std::string& images, bool allow_outside,
                           const Checkpoint& model);

}  // namespace llava::core
