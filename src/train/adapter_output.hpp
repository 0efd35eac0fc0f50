// What was learnt with LoRA as a folder: PEFT's files and names.
#pragma once

#include <string>

#include "train/network.hpp"

namespace llava::core {

struct AdapterOutput {
  bool replace = false;     // an adapter folder of that name gives way
  bool rest_apart = false;  // as haotian-liu/LLaVA leaves it: its names, and what is no LoRA in a file of its own
};

/// Writes the folder `target`, which appears when it is complete (base/atomic_folder).
///
///   adapter_config.json        target_modules are whole paths: PEFT fits names by their ends, and "q_proj" would take in
///                              the vision tower's as well
///   adapter_model.safetensors  f32; base_model.model.<path>.lora_A.weight and lora_B, and under their own names what else
///                              learnt (projector, norms, …): PEFT's modules_to_save
///   preprocessor_config.json   how pictures were prepared: `llava` does it so with the adapter, whatever the base says
///   non_lora_trainables.bin    rest_apart alone: what else learnt, in torch's format (weights/torch_writer)
///
/// Names are those of the class that reads the checkpoint: haotian-liu/LLaVA's for the layouts "original" and "parts",
/// transformers' in memory (LlavaForConditionalGeneration, 4.52 and later) for "hf" and "hf-5"; with rest_apart always
/// the former, whose loader wants non_lora_trainables.bin. `llava` reads all of them.
/// Throws Error(argument) when nothing was learnt with LoRA, or something is in the way; Error(io).
/// Sources: PEFT 0.17, save_and_load.py and tuners/lora/config.py; LLaVA c121f04, llava/train/train.py, the end of train().
void save_adapter(const LoadPlan& plan, const Network& network, const std::string& target,
                  const AdapterOutput& options = {});

}  // namespace llava::core
