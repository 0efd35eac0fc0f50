// include/llava/dataset.h
#include <llava/dataset.h>

#include "arguments.hpp"
#include "checkpoint/plan.hpp"
#include "data/check.hpp"
#include "load_options.hpp"
#include "options_calls.hpp"

using namespace llava::capi;
namespace core = llava::core;

namespace {

core::SampleRules sample_rules(const llava_dataset_options& settings, const core::Checkpoint& model) {
  core::SampleRules rules;
  rules.row = settings.template_name ? &core::find_template(settings.template_name) : model.chat_template;
  rules.labels = settings.labels == LLAVA_LABELS_UPSTREAM ? core::LabelRule::upstream : core::LabelRule::spans;
  rules.place = static_cast<core::ImagePlace>(settings.image_place);
  rules.seed = static_cast<uint64_t>(settings.seed);
  rules.image_marks = model.marks_for(*rules.row);
  rules.image_rows = model.config.tokens_per_image();
  rules.max_length = settings.max_length > 0 ? settings.max_length : model.context;
  return rules;
}

/// The folder the data file lies in, as a prefix.
std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string() : path.substr(0, slash + 1);
}

core::CheckOptions check_options(const llava_dataset_options& settings, const std::string& path,
                                 const core::Checkpoint& model) {
  constexpr core::PictureCheck kDepths[] = {core::PictureCheck::whole, core::PictureCheck::header,
                                            core::PictureCheck::none};
  core::CheckOptions options;
  options.pictures.root = settings.image_root ? settings.image_root : folder_of(path);
  options.pictures.allow_outside = settings.allow_outside == 1;
  options.pictures.preprocess = model.preprocess;
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
    if (!model.tokenizer || !model.chat_template) core::require_loadable(plan);
    const auto index = core::RecordIndex::open(file, {use.cancel(), teller("index")});
    const core::SampleMaker maker(model.tokenizer, sample_rules(settings, model));
    auto check = check_options(settings, file, model);
    check.cancel = use.cancel();
    check.progress = teller("check");
    *out = new_string(core::report_json(core::check_data(*index, maker, check), *index, maker).dump());
  });
}
