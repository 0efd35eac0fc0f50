// include/llava/dataset.h
#include <llava/dataset.h>

#include "arguments.hpp"
#include "checkpoint/plan.hpp"
#include "data/check.hpp"
#include "load_options.hpp"
#include "options_calls.hpp"
#include "train/sample_rules.hpp"

using namespace llava::capi;
namespace core = llava::core;

namespace {

core::SampleRules sample_rules(const llava_dataset_options& settings, const core::Checkpoint& model) {
  core::SampleChoice choice;
  if (settings.template_name) choice.template_name = settings.template_name;
  choice.labels = settings.labels == LLAVA_LABELS_UPSTREAM ? core::LabelRule::upstream : core::LabelRule::spans;
  choice.place = static_cast<core::ImagePlace>(settings.image_place);
  choice.seed = static_cast<uint64_t>(settings.seed);
  choice.max_length = settings.max_length;
  return core::sample_rules(choice, model);
}

core::CheckOptions check_options(const llava_dataset_options& settings, const std::string& path,
                                 const core::Checkpoint& model) {
  constexpr core::PictureCheck kDepths[] = {core::PictureCheck::whole, core::PictureCheck::header,
                                            core::PictureCheck::none};
  core::CheckOptions options;
  options.pictures =
      core::picture_rules(path, settings.image_root ? settings.image_root : "", settings.allow_outside == 1, model);
  options.depth = kDepths[settings.pictures];
  options.threads = settings.threads;
  return options;
}

}  // namespace

LLAVA_OPTIONS(dataset)

llava_status llava_dataset_check(const char* path, const char* model_path, const llava_dataset_options* options,
                                 llava_string** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto file = path_argument(path, "path"), folder = path_argument(model_path, "model_path");
    const auto settings = read_options(options);
    const CancelUse use(settings.cancel);
    const auto tell = progress_teller(settings.progress, settings.progress_user_data);
    const auto teller = [&](const char* phase) {
      return [&tell, phase](int64_t done, int64_t total) {
        if (tell) tell({phase, done, total, {}});
      };
    };
    core::LoadOptions load;
    load.cancel = use.cancel();
    const auto plan = core::plan_load(folder, load);
    const core::Checkpoint& model = plan.checkpoint;
    if (!model.tokenizer || !model.chat_template || !model.vision_known) core::require_loadable(plan);
    const auto index = core::RecordIndex::open(file, {use.cancel(), teller("index")});
    const core::SampleMaker maker(model.tokenizer, sample_rules(settings, model));
    auto check = check_options(settings, file, model);
    check.cancel = use.cancel();
    check.progress = teller("check");
    *out = new_string(core::report_json(core::check_data(*index, maker, check), *index, maker).dump());
  });
}
