// include/llava/model.h
#include <llava/model.h>

#include "arguments.hpp"
#include "base/limits.hpp"
#include "device_number.hpp"
#include "load_options.hpp"
#include "options_calls.hpp"

using namespace llava::capi;

LLAVA_OPTIONS(load)

llava_status llava_load(const char* path, const llava_load_options* options, llava_model** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto folder = path_argument(path, "path");
    const auto settings = read_options(options);
    const CancelUse use(settings.cancel);
    *out = wrap<llava_model>(
        std::make_shared<ModelObject>(llava::core::load_bundle(folder, core_load_options(settings, use))));
  });
}

llava_status llava_model_info_json(const llava_model* model, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(model, "model");
    *out = new_string(llava::core::bundle_info_json(*object->bundle, object->adapters->describe()));
  });
}

llava_status llava_model_limits(const llava_model* model, llava_limits* out) {
  return guarded({}, [&] {
    const auto object = get(model, "model");
    const auto& bundle = *object->bundle;
    const auto& config = bundle.config;
    llava_limits limits = {};
    limits.context = static_cast<int32_t>(bundle.context);
    limits.tokens_per_image = static_cast<int32_t>(bundle.most_image_tokens());
    limits.image_size = static_cast<int32_t>(config.vision.image_size);
    limits.vocabulary = static_cast<int32_t>(config.language.vocabulary);
    limits.width = static_cast<int32_t>(config.language.width);
    limits.layers = static_cast<int32_t>(config.language.layers);
    limits.vision_width = static_cast<int32_t>(config.vision.width);
    limits.vision_layers = static_cast<int32_t>(config.vision.layers);
    limits.image_count = static_cast<int32_t>(llava::core::limits::kImagesPerMessage);
    fill_struct(out, limits, "llava_limits");
  });
}

llava_status llava_model_memory(const llava_model* model, llava_model_usage* out) {
  return guarded({}, [&] {
    const auto object = get(model, "model");
    llava_model_usage usage = {};
    usage.device = device_number(object->bundle->model->device());
    usage.weight_bytes = object->bundle->weight_bytes;
    usage.cache_bytes_per_token = cache_bytes_per_token(*object->bundle);
    fill_struct(out, usage, "llava_model_usage");
  });
}

LLAVA_COUNTED(model)
