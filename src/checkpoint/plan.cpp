// Making a plan.
#include "checkpoint/plan.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cctype>

#include "base/files.hpp"
#include "base/limits.hpp"
#include "checkpoint/companions.hpp"
#include "checkpoint/folder.hpp"
#include "checkpoint/layout.hpp"
#include "checkpoint/problems.hpp"
#include "model/model.hpp"

namespace llava::core {
namespace {

int64_t elements(const TensorView& view) { return static_cast<int64_t>(view.size_bytes / dtype_bytes(view.dtype)); }

void survey_adapter(LoadPlan& plan, const HeldTensors& held, const LoadOptions& options) {
  OpenOptions open;
  open.map = options.map;
  open.allow_pickle = options.allow_pickle;
  open.cancel = options.cancel;
  const auto blocks = plan.checkpoint.config.needed_vision_blocks();
  collecting(plan.problems, [&] { plan.adapter = open_adapter(options.adapter, held, blocks, open); });
}

bool has_weights(const std::string& folder) {
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (file_exists(folder + "/" + name)) return true;
  return false;
}

// The modules' constructors say which tensors they want; no weight is read.
void survey(LoadPlan& plan, const std::vector<std::string>& absent, const LoadOptions& options) {
  auto& checkpoint = plan.checkpoint;
  if (!checkpoint.vision_known) return;
  Parameters parameters(plan.tensors, checkpoint.config, {}, options.cancel, Parameters::Purpose::survey);
  const Model model(parameters, checkpoint.config);
  plan.taken = parameters.taken();
  checkpoint.unused = parameters.leftovers();
  auto [missing, misfits] = parameters.faults();
  plan.whole = missing.empty() && misfits.empty();
  std::erase_if(missing, [&](const std::string& name) {  // told as a whole
    return std::any_of(absent.begin(), absent.end(), [&](const auto& prefix) { return name.starts_with(prefix); });
  });
  if (!misfits.empty()) plan.problems.emplace_back(Status::format, first_ten("tensors do not fit", misfits));
  if (!missing.empty()) plan.problems.emplace_back(Status::not_found, first_ten("tensors are missing", missing));
  if (!options.adapter.empty() && absent.empty()) survey_adapter(plan, *parameters.held(), options);
}

bool names_a_delta(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.find("delta") != name.npos;
}

// A message without the folder it begins with.
std::string_view said_inside(std::string_view folder, std::string_view message) {
  if (!message.starts_with(folder)) return message;
  auto rest = message.substr(folder.size());
  for (const std::string_view joint : {": ", "/", " "})
    if (rest.starts_with(joint)) return rest.substr(joint.size());
  return message;
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
  if (!has_config(checkpoint.path)) throw Error(Status::not_found, without_config(checkpoint.path));
  plan.config_text = read_file(config, limits::kConfigJsonBytes, config);
  auto layout = find_layout(checkpoint, parse_json(plan.config_text, config), options);
  plan.tensors = std::move(layout.tensors);
  plan.problems = std::move(layout.problems);
  survey(plan, layout.absent, options);
  count(plan);
  read_companions(checkpoint, layout.companions, options, plan.problems);
  if (names_a_delta(checkpoint.name))
    checkpoint.notes.push_back(
        cat(checkpoint.name,
            " is called a delta: delta weights are a model once llava merge-delta has added them to "
            "their base"));
  return plan;
}

void require_loadable(const LoadPlan& plan) {
  if (plan.problems.empty()) return;
  const auto& folder = plan.checkpoint.path;
  std::string text = cat(folder, ": ");
  for (const auto& problem : plan.problems)
    text += cat(&problem == &plan.problems.front() ? "" : "; ", said_inside(folder, problem.message()));
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
