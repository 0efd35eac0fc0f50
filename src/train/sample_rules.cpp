#include "train/sample_rules.hpp"

#include <algorithm>

#include "checkpoint/companions.hpp"
#include "train/stages.hpp"

namespace llava::core {

SampleRules sample_rules(const SampleChoice& choice, const Checkpoint& model) {
  SampleRules rules;
  rules.row = choice.template_name.empty() ? model.chat_template : &find_template(choice.template_name);
  rules.labels = choice.labels;
  rules.place = choice.place;
  rules.seed = choice.seed;
  rules.image_marks = model.marks_for(*rules.row);
  rules.image_rows = model.config.tokens_per_image();
  rules.max_length = choice.max_length > 0 ? std::min(choice.max_length, model.context) : model.context;
  return rules;
}

void fit_to_model(RunSettings& settings, Checkpoint& model) {
  settings.max_length = settings.max_length > 0 ? std::min(settings.max_length, model.context) : model.context;
  auto& shape = settings.image_aspect_ratio;
  if (model.tiling) {
    if (!shape.empty()) set_aspect_ratio(model, shape, "image_aspect_ratio");  // says that it cannot be
    shape = "anyres";
    return;
  }
  const bool open = model.aspect_ratio_open;
  if (shape.empty() && !open) shape = model.preprocess.do_pad ? "pad" : "square";
  if (shape.empty()) shape = stage_preset(settings.preset, settings.stage).image_aspect_ratio;
  set_aspect_ratio(model, shape, "image_aspect_ratio");
  model.aspect_ratio_open = open && settings.stage == 1 && shape == "square";
  if (model.aspect_ratio_open) model.aspect_ratio.clear();
}

PictureRules picture_rules(const std::string& data_file, const std::string& images, bool allow_outside,
                           const Checkpoint& model) {
  PictureRules rules;
  const auto slash = data_file.rfind('/');
  rules.root = !images.empty() ? images : slash == std::string::npos ? std::string() : data_file.substr(0, slash + 1);
  rules.allow_outside = allow_outside;
  rules.preprocess = model.preprocess;
  return rules;
}

}  // namespace llava::core
