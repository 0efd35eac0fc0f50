// include/llava/checkpoint.h
#include <llava/checkpoint.h>

#include "arguments.hpp"
#include "checkpoint/delta.hpp"
#include "checkpoint/plan.hpp"
#include "checkpoint/save.hpp"
#include "load_options.hpp"
#include "options_calls.hpp"
#include "save_options.hpp"

using namespace llava::capi;
using llava::core::Error;
using llava::core::SaveOptions;
using llava::core::Status;

namespace llava::capi {

core::SaveOptions save_options(const llava_save_options& settings, const CancelUse& use) {
  SaveOptions save;
  if (settings.layout == LLAVA_LAYOUT_HF) save.layout = "hf";
  if (settings.layout == LLAVA_LAYOUT_ORIGINAL) save.layout = "original";
  save.dtype = scalar_type(settings.dtype);
  save.shard_bytes = settings.shard_bytes;
  save.overwrite = settings.overwrite == 1;
  save.cancel = use.cancel();
  save.progress = progress_teller(settings.progress, settings.progress_user_data);
  save.cancel.poll("save");
  return save;
}

void require_unset(const char* value, const char* field) {
  if (value) throw Error(Status::argument, core::cat("options.", field, " is set, and has no meaning here"));
}

}  // namespace llava::capi

LLAVA_OPTIONS(save)

llava_status llava_load_plan(const char* path, const llava_load_options* options, llava_string** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto folder = path_argument(path, "path");
    const auto settings = read_options(options);
    const CancelUse use(settings.cancel);
    auto load = core_load_options(settings, use);
    load.map = true;  // headers are all a plan reads
    *out = new_string(llava::core::plan_json(llava::core::plan_load(folder, load)));
  });
}

llava_status llava_save(const llava_model* model, const char* target, const llava_save_options* options) {
  return guarded({}, [&] {
    const Operation running;
    const auto object = get(model, "model");
    const auto folder = path_argument(target, "target");
    const auto settings = read_options(options);
    require_unset(settings.vision_tower, "vision_tower");
    require_unset(settings.projector, "projector");
    const CancelUse use(settings.cancel);
    llava::core::save_bundle(*object->adapters->current(), folder, save_options(settings, use));
  });
}

llava_status llava_convert(const char* path, const char* target, const llava_save_options* options) {
  return guarded({}, [&] {
    const Operation running;
    const auto from = path_argument(path, "path"), to = path_argument(target, "target");
    const auto settings = read_options(options);
    const CancelUse use(settings.cancel);
    llava::core::LoadOptions load;
    load.vision_tower = settings.vision_tower ? settings.vision_tower : "";
    load.projector = settings.projector ? settings.projector : "";
    load.cancel = use.cancel();
    llava::core::convert_checkpoint(from, to, load, save_options(settings, use));
  });
}

llava_status llava_merge_delta(const char* path, const char* delta, const char* target,
                               const llava_save_options* options) {
  return guarded({}, [&] {
    const Operation running;
    const auto base = path_argument(path, "path"), change = path_argument(delta, "delta");
    const auto to = path_argument(target, "target");
    const auto settings = read_options(options);
    require_unset(settings.vision_tower, "vision_tower");
    require_unset(settings.projector, "projector");
    if (settings.layout != LLAVA_LAYOUT_KEEP)
      throw Error(Status::argument, "options.layout is set; the delta's names are kept, convert the result");
    const CancelUse use(settings.cancel);
    llava::core::merge_delta(base, change, to, save_options(settings, use));
  });
}
