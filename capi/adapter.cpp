// include/llava/adapter.h
#include <llava/adapter.h>

#include "adapter_choice.hpp"
#include "arguments.hpp"
#include "checkpoint/save.hpp"
#include "options_calls.hpp"
#include "save_options.hpp"

using namespace llava::capi;
using llava::core::Error;
using llava::core::Status;

namespace llava::capi {

std::shared_ptr<const core::Bundle> chosen_bundle(const ModelObject& model, const char* name, float scale) {
  if (!name) return model.adapters->current();
  return model.adapters->choose({name, static_cast<double>(scale)});
}

std::shared_ptr<const core::Bundle> chosen_bundle(const SessionObject& session, const char* name, float scale) {
  return name ? chosen_bundle(*session.model, name, scale) : session.current();
}

CurrentBundle session_choice(const ModelObject& model, const char* name, float scale) {
  if (!name) return [adapters = model.adapters] { return adapters->current(); };
  return [bundle = chosen_bundle(model, name, scale)] { return bundle; };
}

}  // namespace llava::capi

namespace {

const AdapterObject& of_model(const AdapterObject& adapter, const ModelObject& model) {
  if (adapter.model.get() != &model)
    throw Error(Status::argument, llava::core::cat("adapter \"", adapter.adapter->name,
                                                   "\" was loaded for another model, expected one of this model"));
  return adapter;
}

}  // namespace

LLAVA_OPTIONS(adapter)

llava_status llava_adapter_load(llava_model* model, const char* path, const llava_adapter_options* options,
                                llava_adapter** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(model, "model");
    const auto folder = path_argument(path, "path");
    const auto settings = read_options(options);
    const CancelUse use(settings.cancel);
    llava::core::AdapterOptions load;
    load.name = settings.name ? settings.name : "";
    load.verify = settings.verify == 1;
    load.cancel = use.cancel();
    *out = wrap<llava_adapter>(std::make_shared<AdapterObject>(object, object->adapters->load(folder, load)));
  });
}

llava_status llava_adapter_attach(llava_model* model, const llava_adapter* adapter, float scale) {
  return guarded({}, [&] {
    const auto object = get(model, "model");
    const auto added = get(adapter, "adapter");
    object->adapters->attach(of_model(*added, *object).adapter, static_cast<double>(scale));
  });
}

llava_status llava_adapter_detach(llava_model* model) {
  return guarded({}, [&] { get(model, "model")->adapters->detach(); });
}

llava_status llava_adapter_info_json(const llava_adapter* adapter, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    *out = new_string(llava::core::describe(*get(adapter, "adapter")->adapter).dump());
  });
}

llava_status llava_adapter_merge(const llava_model* model, const llava_adapter* adapter, float scale,
                                 const char* target, const llava_save_options* options) {
  return guarded({}, [&] {
    const Operation running;
    const auto object = get(model, "model");
    const auto added = get(adapter, "adapter");
    const auto folder = path_argument(target, "target");
    const auto settings = read_options(options);
    require_unset(settings.vision_tower, "vision_tower");
    require_unset(settings.projector, "projector");
    const CancelUse use(settings.cancel);
    const auto& chosen = *of_model(*added, *object).adapter;
    llava::core::merge_adapter(*object->bundle, chosen, static_cast<double>(scale), folder,
                               save_options(settings, use));
  });
}

LLAVA_COUNTED(adapter)
