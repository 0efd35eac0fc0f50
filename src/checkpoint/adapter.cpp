// From a folder's views to tensors beside a model.
#include "checkpoint/adapter.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/utf8.hpp"
#include "checkpoint/companions.hpp"
#include "model/parameters.hpp"
#include "weights/finite.hpp"

namespace llava::core {
namespace {

// Every byte counts: keys and values computed with one adapter are never taken for another's.
std::string adapter_fingerprint(const AdapterFiles& files, const Cancel& cancel) {
  Hasher hasher;
  hasher.add_field(files.config_text).add_field(files.aspect_ratio.value_or(""));
  const auto add = [&](const std::string& name, const TensorView& view) {
    cancel.poll("adapter");
    hasher.add_field(name).add_field(dtype_name(view.dtype)).add_field(shape_text(view.shape));
    hasher.add(view.data, view.size_bytes);
  };
  for (const auto& [layer, views] : files.added) {
    add(layer, views.down);
    add(layer, views.up);
  }
  for (const auto& [name, view] : files.replaced) add(name, view);
  return to_hex(hasher.digest());
}

void check_numbers(const AdapterFiles& files, const Cancel& cancel) {
  TensorMap map;
  const auto add = [&](const TensorView& view) {
    if (!map.find(view.name)) map.add(view);
  };
  for (const auto& [layer, views] : files.added) {
    add(views.down);
    add(views.up);
  }
  for (const auto& [name, view] : files.replaced) add(view);
  check_finite(map, cancel);
}

Adaptation placed_on(const Model& model, const AdapterFiles& files, const Cancel& cancel) {
  const auto& placement = model.placement();
  const auto activations = model.dtype();
  // the thin matrices keep their type on the CPU, whatever the model's weights were converted to
  const auto thin = [&](const TensorView& view) {
    cancel.poll("adapter");
    const auto stored = scalar_type(view.dtype);
    return Weight(placed(view, placement.device, placement.device.is_cpu() ? stored : activations));
  };
  Adaptation adaptation;
  for (const auto& [layer, views] : files.added)
    adaptation.added[layer] =
        std::make_shared<const LowRank>(LowRank{thin(views.down), thin(views.up), views.strength});
  for (const auto& [name, view] : files.replaced) {
    const auto& held = model.held().tensors.at(name);
    const auto type = held.matrix ? placement.matrix_type(scalar_type(view.dtype), activations) : activations;
    adaptation.replaced[name] = placed(view, placement.device, type).view(held.tensor.sizes());
  }
  return adaptation;
}

std::string variant_key(std::string_view what, const std::string& base, const Adapter& adapter, double scale) {
  Hasher hasher;
  hasher.add_field(what).add_field(base).add_field(adapter.fingerprint).add(&scale, sizeof scale);
  return to_hex(hasher.digest());
}

}  // namespace

void check_scale(double scale) {
  if (!(std::abs(scale) <= kMostScale))
    throw Error(Status::argument, cat("scale is ", scale, ", expected a number within ±", kMostScale));
}

std::shared_ptr<const Adapter> load_adapter(const Bundle& base, const std::string& path,
                                            const AdapterOptions& options) {
  const c10::InferenceMode no_gradients;
  OpenOptions open;
  open.map = base.map;
  open.checksums = options.verify;
  open.allow_pickle = base.allow_pickle;
  open.cancel = options.cancel;
  auto adapter = std::make_shared<Adapter>();
  adapter->files = open_adapter(path, base.model->held(), base.config.needed_vision_blocks(), open);
  const auto& files = adapter->files;
  adapter->name = options.name.empty() ? std::filesystem::path(files.folder).filename().string() : options.name;
  adapter->model = base.fingerprint;
  check_unchanged(files.files);
  if (options.verify) check_numbers(files, options.cancel);
  adapter->fingerprint = adapter_fingerprint(files, options.cancel);
  adapter->adaptation = placed_on(*base.model, files, options.cancel);
  return adapter;
}

std::shared_ptr<const Bundle> with_adapter(std::shared_ptr<const Bundle> base, std::shared_ptr<const Adapter> adapter,
                                           double scale) {
  check_scale(scale);
  if (base->adapter) throw Error(Status::internal, "an adapter is put beside the model itself, not beside a variant");
  if (adapter->model != base->fingerprint)
    throw Error(Status::argument, cat("the adapter ", adapter->name, " was loaded for the model ", adapter->model,
                                      ", this one is ", base->fingerprint));
  auto bundle = std::make_shared<Bundle>(*base);
  bundle->model = std::make_shared<const Model>(base->model->adapted(adapter->adaptation, scale));
  bundle->variant = variant_key("language", base->fingerprint, *adapter, scale);
  const auto& aspect_ratio = adapter->files.aspect_ratio;
  if (aspect_ratio && !bundle->tiling) set_aspect_ratio(*bundle, *aspect_ratio, adapter->files.folder);
  if (adapter->files.changes_images() || bundle->preprocess.do_pad != base->preprocess.do_pad)
    bundle->image_fingerprint = variant_key("images", base->fingerprint, *adapter, scale);
  bundle->base = std::move(base);
  bundle->adapter = std::move(adapter);
  bundle->adapter_scale = scale;
  return bundle;
}

Adapters::Adapters(const std::shared_ptr<const Bundle>& loaded)
    : base_(loaded->base ? loaded->base : loaded), current_(loaded) {
  if (loaded->adapter) loaded_.push_back(loaded->adapter);
}

std::shared_ptr<const Adapter> Adapters::find(const std::string& name) const {
  for (const auto& weak : loaded_)
    if (auto adapter = weak.lock(); adapter && adapter->name == name) return adapter;
  return nullptr;
}

std::shared_ptr<const Adapter> Adapters::load(const std::string& path, const AdapterOptions& options) {
  auto adapter = load_adapter(*base_, path, options);
  const std::lock_guard lock(mutex_);
  if (find(adapter->name))
    throw Error(Status::argument, cat("an adapter of the name \"", printable(adapter->name),
                                      "\" is in memory; give this one another name"));
  std::erase_if(loaded_, [](const auto& weak) { return weak.expired(); });
  loaded_.push_back(adapter);
  return adapter;
}

void Adapters::attach(const std::shared_ptr<const Adapter>& adapter, double scale) {
  auto bundle = with_adapter(base_, adapter, scale);
  const std::lock_guard lock(mutex_);
  if (current_->adapter)
    throw Error(Status::state, cat("the adapter ", current_->adapter->name, " is attached; detach it first"));
  current_.swap(bundle);
}

void Adapters::detach() {
  auto bundle = base_;
  const std::lock_guard lock(mutex_);  // released before `bundle`, which may hold the last reference to an adapter
  if (!current_->adapter) throw Error(Status::state, "no adapter is attached");
  current_.swap(bundle);
}

std::shared_ptr<const Bundle> Adapters::choose(const AdapterChoice& choice) const {
  std::shared_ptr<const Adapter> adapter;
  {
    const std::lock_guard lock(mutex_);
    if (!choice.name) return current_;
    if (choice.name->empty()) return base_;
    adapter = find(*choice.name);
    if (!adapter) {
      std::string names;
      for (const auto& weak : loaded_)
        if (const auto one = weak.lock()) names += cat(names.empty() ? "" : ", ", one->name);
      throw Error(Status::not_found, cat("no adapter of the name \"", printable(*choice.name), "\" is loaded; ",
                                         names.empty() ? "there is none" : cat("there are: ", printable(names))));
    }
    const bool attached = current_->adapter == adapter && current_->adapter_scale == choice.scale;
    if (attached) return current_;
  }
  return with_adapter(base_, std::move(adapter), choice.scale);
}

Json Adapters::describe() const {
  std::shared_ptr<const Bundle> current;
  std::vector<std::shared_ptr<const Adapter>> living;
  {
    const std::lock_guard lock(mutex_);
    current = current_;
    for (const auto& weak : loaded_)
      if (auto adapter = weak.lock()) living.push_back(std::move(adapter));
  }
  std::sort(living.begin(), living.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  auto list = Json::array();
  for (const auto& adapter : living) {
    const bool attached = current->adapter == adapter;
    auto json = Json::object({{"name", adapter->name}, {"path", adapter->files.folder}, {"attached", attached}});
    if (attached) json.add("scale", current->adapter_scale);
    list.push_back(std::move(json));
  }
  return list;
}

Json describe(const AdapterFiles& files) {
  std::set<std::string> targets;
  for (const auto& [layer, views] : files.added) targets.insert(layer.substr(layer.rfind('.') + 1));
  std::vector<std::string> replaced;
  for (const auto& [name, view] : files.replaced) replaced.push_back(name);
  const auto dtype = files.added.empty() ? "" : dtype_name(files.added.begin()->second.down.dtype);
  return Json::object({{"path", files.folder},
                       {"files", files.names},
                       {"base_model", files.config.base_model},
                       {"rank", files.config.rank},
                       {"alpha", files.config.alpha},
                       {"rslora", files.config.root_rank},
                       {"bias", files.config.bias},
                       {"dtype", dtype},
                       {"layers", files.added.size()},
                       {"targets", Json::array_of(targets)},
                       {"replaced_tensors", replaced},
                       {"unused_tensors", files.unused},
                       {"changes_images", files.changes_images()},
                       {"parameters", files.parameters()},
                       {"weight_bytes", files.size_bytes()}});
}

Json describe(const Adapter& adapter) {
  auto json = Json::object({{"name", adapter.name}});
  const auto files = describe(adapter.files);  // outlives the loop
  for (const auto& [key, value] : files.items()) json.add(key, value);
  json.add("fingerprint", adapter.fingerprint);
  json.add("model", adapter.model);
  return json;
}

}  // namespace llava::core
