// What was learnt with LoRA as a folder: PEFT's files and names.
#pragma once

#include <string>

#include "train/network.hpp"

namespace llava::core {

/// Writes the folder `target`, which appears when it is complete (base/atomic_folder); with `replace` an adapter folder
/// of that name gives way.
///
///   adapter_config.json        target_modules are whole paths: PEFT fits names by their ends, and "q_proj" would take in
///                              the vision tower's as well
///   adapter_model.safetensors  f32; base_model.model.<path>.lora_A.weight and lora_B, and under their own names what else
///                              learnt (projector, norms, …): PEFT's modules_to_save
///
/// Names are those of the class that reads the checkpoint: haotian-liu/LLaVA's for the layouts "original" and "parts",
/// transformers' in memory (LlavaForConditionalGeneration, 4.52 and later) for "hf" and "hf-5". `llava` reads both.
/// haotian-liu/LLaVA's own loader wants a non_lora_trainables.bin beside it, which is not written.
/// Throws Error(argument) when nothing was learnt with LoRA, or something is in the way; Error(io).
/// Source: PEFT 0.17, save_and_load.py and tuners/lora/config.py.
void save_adapter(const LoadPlan& plan, const Network& network, const std::string& target, bool replace);

}  // namespace llava::core
