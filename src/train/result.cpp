#include "train/result.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "checkpoint/save.hpp"
#include "train/adapter_output.hpp"

namespace llava::core {
namespace {

// What is written as bf16 is what was computed with, where that was bf16.
TrainedValues values_of(const Network& network) {
  TrainedValues values;
  for (const auto& learner : network.learners().all())
    if (learner.learns())
      values.emplace(learner.name, [&network, &learner](at::ScalarType written) {
        return written == at::kBFloat16 ? network.stored(learner) : network.value(learner);
      });
  return values;
}

}  // namespace

std::string write_result_files(const LoadPlan& plan, const Network& network, const RunSettings& settings,
                               const std::string& folder, const Cancel& cancel) {
  const auto values = values_of(network);
  if (settings.lora.rank > 0) {
    save_adapter(plan, network, folder, {.replace = false, .rest_apart = settings.torch_files});
    if (settings.torch_files) write_original_config(plan, folder);
    if (settings.projector_file || !settings.load.new_projector.type.empty())
      write_projector(plan, values, folder + "/mm_projector.safetensors");
    return "adapter_config.json";
  }
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw Error(Status::io, cat(printable(folder), ": cannot be made: ", failure.message()));
  SaveOptions options;
  options.layout = plan.checkpoint.config.projector.depth == 2 ? "hf" : "original";
  options.cancel = cancel;
  write_trained(plan, values, folder, options);
  if (settings.projector_file) write_projector(plan, values, folder + "/mm_projector.safetensors");
  if (settings.torch_files) write_projector(plan, values, folder + "/mm_projector.bin");
  return "config.json";
}

}  // namespace llava::core
