// What loading a checkpoint would do: which files give which tensors, what is missing, how much memory it takes. Only
// headers and small files are read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "checkpoint/adapter_files.hpp"
#include "checkpoint/checkpoint.hpp"
#include "model/parameters.hpp"
#include "model/weight_names.hpp"

namespace llava::core {

struct LoadPlan {
  Checkpoint checkpoint;
  NamedTensors tensors;                 // canonical names; mapped
  std::vector<TakenTensor> taken;       // what the modules would take; views of `tensors`
  bool whole = false;                   // that is all they want
  std::vector<Error> problems;          // why a load would fail; empty when it would not
  std::string config_text;              // of config.json
  std::optional<AdapterFiles> adapter;  // of options.adapter, when it is good
};

/// Makes the plan; options.device and options.dtype do not matter to it.
///
/// What cannot be understood at all is thrown: Error(not_found | format | unsupported | limit | io | argument |
/// cancelled | timeout). Weights that are absent or damaged (a shard, the vision tower), tensors that are missing or
/// misfit and companions that are absent or broken are collected in `problems`; the fields of `checkpoint` that depend on
/// them are then empty, and counts are of what is there.
LoadPlan plan_load(const std::string& path, const LoadOptions& options);

/// Throws the plan's problems, all in one message, with the status of the first. Nothing when there are none.
void require_loadable(const LoadPlan& plan);

/// What a model of this plan takes up on a device. Of a plan that is not whole: what is there.
struct MemoryNeed {
  int64_t weight_bytes = 0;
  int64_t cache_bytes_per_token = 0;
};
MemoryNeed memory_need(const LoadPlan& plan, const Placement& placement);

/// The plan as one JSON object: what `llava info` prints.
std::string plan_json(const LoadPlan& plan);

}  // namespace llava::core
