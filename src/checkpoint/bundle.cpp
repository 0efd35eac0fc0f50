// Loading a whole model: plan, then take the weights.
#include "checkpoint/bundle.hpp"

#include <c10/core/InferenceMode.h>

#include "checkpoint/adapter.hpp"
#include "checkpoint/fingerprint.hpp"
#include "checkpoint/plan.hpp"
#include "ops/device.hpp"

namespace llava::core {

std::shared_ptr<const Bundle> load_bundle(const std::string& path, const LoadOptions& options) {
  const c10::InferenceMode no_gradients;
  const auto device = parse_device(options.device);
  check_scale(options.adapter_scale);
  auto plan = plan_load(path, options);
  require_loadable(plan);
  auto bundle = std::make_shared<Bundle>();
  static_cast<Checkpoint&>(*bundle) = std::move(plan.checkpoint);
  check_unchanged(plan.tensors.files);
  Parameters parameters(plan.tensors, bundle->config, {device, options.dtype}, options.cancel);
  auto model = std::make_shared<const Model>(parameters, bundle->config);
  if (options.progress) options.progress({"warm-up", bundle->weight_bytes, bundle->weight_bytes, {}});
  model->warm_up(options.cancel);
  bundle->model = std::move(model);
  bundle->vision_tower = options.vision_tower;
  bundle->allow_pickle = options.allow_pickle;
  bundle->map = options.map;
  bundle->files = plan.tensors.files;
  for (const auto& source : bundle->sources)
    if (source.role == "projector") bundle->projector = source.path;
  bundle->fingerprint = bundle->image_fingerprint = model_fingerprint(plan.config_text, plan.tensors);
  if (options.adapter.empty()) return bundle;
  AdapterOptions adapter;
  adapter.verify = options.verify;
  adapter.cancel = options.cancel;
  auto loaded = load_adapter(*bundle, options.adapter, adapter);
  return with_adapter(std::move(bundle), std::move(loaded), options.adapter_scale);
}

void check_unchanged(const Bundle& bundle) {
  check_unchanged(bundle.files);
  if (bundle.adapter) check_unchanged(bundle.adapter->files.files);
}

}  // namespace llava::core
