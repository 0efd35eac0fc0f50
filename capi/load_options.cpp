// Load options of the C interface.
#include "load_options.hpp"

#include <llava/model.h>

#include "device_number.hpp"
#include "guard.hpp"

namespace llava::capi {

using core::Error;
using core::Status;

namespace {

std::string text_or_empty(const char* text) { return text ? text : ""; }

std::optional<core::TileRule> tile_rule(int32_t choice) {
  if (choice == LLAVA_TILES_AUTO) return std::nullopt;
  return choice == LLAVA_TILES_HF ? core::TileRule::hf : core::TileRule::original;
}

}  // namespace

std::optional<at::ScalarType> scalar_type(int32_t dtype) {
  switch (dtype) {
    case LLAVA_DTYPE_F32:
      return at::kFloat;
    case LLAVA_DTYPE_F16:
      return at::kHalf;
    case LLAVA_DTYPE_BF16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

std::function<void(const core::LoadProgress&)> progress_teller(llava_load_progress_fn call, void* user_data) {
  if (!call) return {};
  return [call, user_data](const core::LoadProgress& now) {
    const std::string item(now.item);
    const auto answer = ask_callback("progress", LLAVA_LOAD_ABORT, [&] {
      return call(now.phase, now.done_bytes, now.total_bytes, item.c_str(), user_data);
    });
    if (answer == LLAVA_LOAD_ABORT) throw Error(Status::cancelled, "the progress callback stopped the work");
  };
}

core::LoadOptions core_load_options(const llava_load_options& settings, const CancelUse& use) {
  core::LoadOptions load;
  load.device = device_text(settings.device);
  load.dtype = scalar_type(settings.dtype);
  load.template_name = text_or_empty(settings.template_name);
  load.max_context = settings.max_context;
  load.verify = settings.verify != 0;
  load.vision_tower = text_or_empty(settings.vision_tower);
  load.projector = text_or_empty(settings.projector);
  load.adapter = text_or_empty(settings.adapter);
  load.adapter_scale = static_cast<double>(settings.adapter_scale);
  load.tile_rule = tile_rule(settings.tile_rule);
  load.allow_pickle = settings.allow_pickle != 0;
  load.map = settings.no_mmap == 0;
  load.cancel = use.cancel();
  load.progress = progress_teller(settings.progress, settings.progress_user_data);
  load.cancel.poll("load");
  return load;
}

}  // namespace llava::capi
