// Making a plan.
#include "checkpoint/plan.hpp"

#include <c10/core/InferenceMode.h>

#include "base/files.hpp"
#include "base/limits.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/folder.hpp"
#include "checkpoint/layout.hpp"
#include "model/model.hpp"

namespace llava::core {
namespace {

int64_t elements(const TensorView& view) { return static_cast<int64_t>(view.size_bytes / dtype_bytes(view.dtype)); }

// Problems that are told beside others; those of the call itself are thrown.
template <typename Work>
void collecting(LoadPlan& plan, Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    const auto status = error.status();
    if (status == Status::cancelled || status == Status::timeout || status == Status::argument) throw;
    plan.problems.push_back(error);
  }
}

void survey_adapter(LoadPlan& plan, const HeldTensors& held, const LoadOptions& options) {
  OpenOptions open;
  open.map = options.map;
  open.allow_pickle = options.allow_pickle;
  open.cancel = options.cancel;
  const auto blocks = plan.checkpoint.config.needed_vision_blocks();
  collecting(plan, [&] { plan.adapter = open_adapter(options.adapter, held, blocks, open); });
}

bool has_weights(const std::string& folder) {
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (file_exists(folder + "/" + name)) return true;
  return false;
}

// The modules' constructors say which tensors they want; no weight is read.
void survey(LoadPlan& plan, const LoadOptions& options) {
  auto& checkpoint = plan.checkpoint;
  Parameters parameters(plan.tensors, checkpoint.config, {}, options.cancel, Parameters::Purpose::survey);
  const Model model(parameters, checkpoint.config);
  plan.taken = parameters.taken();
  checkpoint.unused = parameters.leftovers();
  const auto& [missing, misfits] = parameters.faults();
  if (!misfits.empty()) plan.problems.emplace_back(Status::format, first_ten("tensors do not fit", misfits));
  if (!missing.empty()) plan.problems.emplace_back(Status::not_found, first_ten("tensors are missing", missing));
  if (!options.adapter.empty()) survey_adapter(plan, *parameters.held(), options);
}

void count(LoadPlan& plan) {
  auto& checkpoint = plan.checkpoint;
  for (const auto& [name, view] : plan.tensors.found) {
    if (is_derived_tensor(name)) continue;
    checkpoint.weight_bytes += static_cast<int64_t>(view.size_bytes);
    checkpoint.parameters += elements(view);
    if (name == "language.embed_tokens.weight") checkpoint.stored_dtype = dtype_name(view.dtype);
  }
}

}  // namespace

LoadPlan plan_load(const std::string& path, const LoadOptions& options) {
  const c10::InferenceMode no_gradients;
  options.cancel.poll("load");
  LoadPlan plan;
  auto& checkpoint = plan.checkpoint;
  checkpoint.path = model_folder(path);
  checkpoint.name = model_name(checkpoint.path);
  const auto config = checkpoint.path + "/config.json";
  if (file_exists(checkpoint.path + "/adapter_config.json") && (!file_exists(config) || !has_weights(checkpoint.path)))
    throw Error(Status::unsupported, cat(checkpoint.path,
                                         ": is an adapter, not a model; name the model it was made for, and it "
                                         "as the adapter"));
  plan.config_text = read_file(config, limits::kConfigJsonBytes, config);
  auto layout = find_layout(checkpoint, parse_json(plan.config_text, config), options);
  plan.tensors = std::move(layout.tensors);
  survey(plan, options);
  count(plan);
  collecting(plan, [&] { read_companions(checkpoint, layout.companions, options); });
  return plan;
}

void require_loadable(const LoadPlan& plan) {
  if (plan.problems.empty()) return;
  std::string text = cat(plan.checkpoint.path, ": ");
  for (const auto& problem : plan.problems)
    text += cat(&problem == &plan.problems.front() ? "" : "; ", problem.message());
  Error error(plan.problems.front().status(), text);
  for (const auto& detail : plan.problems.front().details()) error.with(detail);
  throw error;
}

MemoryNeed memory_need(const LoadPlan& plan, const Placement& placement) {
  const auto& language = plan.checkpoint.config.language;
  const auto table = plan.tensors.found.find("language.embed_tokens.weight");
  if (table == plan.tensors.found.end()) return {};
  const auto activations = placement.activations(scalar_type(table->second.dtype));
  const auto element = static_cast<int64_t>(c10::elementSize(activations));
  MemoryNeed need;
  for (const auto& [view, matrix] : plan.taken) {
    const bool as_stored = matrix && placement.device.is_cpu();
    const auto type = as_stored ? placement.weights.value_or(scalar_type(view->dtype)) : activations;
    need.weight_bytes += elements(*view) * static_cast<int64_t>(c10::elementSize(type));
  }
  need.cache_bytes_per_token = language.cache_numbers_per_token() * element;
  return need;
}

}  // namespace llava::core
