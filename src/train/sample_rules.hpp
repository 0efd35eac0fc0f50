// How the records of a file become samples for a model: one rule for the check before a run and for the run.
#pragma once

#include <cstdint>
#include <string>

#include "checkpoint/checkpoint.hpp"
#include "data/pictures.hpp"
#include "data/sample.hpp"
#include "train/settings.hpp"

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

/// What a recipe leaves to the model, or the model does not allow, as it comes out for this one:
///
///   max_length          at most the model's context; 0 is all of it
///   image_aspect_ratio  as the caller says; else as the model's files say (image_aspect_ratio of config.json, do_pad of
///                       preprocessor_config.json): who tunes a LLaVA further keeps how it sees; else as the preset.
///                       Nothing is said by a tower and a language model that are put together, by CLIP's processor, which
///                       has no word for it, and by what stage 1 leaves: a square of stage 1 is not the model's own yet.
///
/// Afterwards model.preprocess is what the run does and its result says. Throws Error(unsupported) for an
/// image_aspect_ratio of a model that cuts pictures into tiles.
void fit_to_model(RunSettings& settings, Checkpoint& model);

/// Pictures of the records in `data_file`: below `images`, or below the file's own folder where that is "".
PictureRules picture_rules(const std::string& data_file, const std::string& images, bool allow_outside,
                           const Checkpoint& model);

}  // namespace llava::core
