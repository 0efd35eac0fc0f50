// What comes out of a run, as files.
#pragma once

#include <string>

#include "base/cancel.hpp"
#include "train/settings.hpp"

namespace llava::core {

/// Writes the result into `folder`, which may not be there yet: a Hugging Face directory, or with LoRA an adapter
/// (train/adapter_output). Beside it, where the settings ask for them:
///
///   mm_projector.safetensors   projector_file: the projector under the original's names, with LoRA too; with LoRA beside a new
///                              projector in any case: the bases alone have none to open the adapter with
///   mm_projector.bin           torch_files, without LoRA: the same in torch's format, as stage 1 of the original leaves it
///   non_lora_trainables.bin    torch_files, with LoRA: what else learnt, as the original leaves it. adapter_model then
///   config.json                holds the LoRA alone, and the model's configuration lies beside it, which the original's
///                              loader reads from there (LLaVA c121f04, llava/model/builder.py)
///
/// Values are asked of the network one by one. Returns the file that makes the folder what it is. Throws Error(io | argument | cancelled | timeout).
std::string write_result_files(const LoadPlan& plan, const Network& network, const RunSettings& settings,
                               const std::string& folder, const Cancel& cancel);

}  // namespace llava::core
