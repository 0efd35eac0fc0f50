// A LoRA folder's tensors, matched with the model they are for. Headers are read, weights are mapped.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/adapter_config.hpp"
#include "model/parameters.hpp"
#include "weights/open_options.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

/// The two matrices of one layer, as stored: down [rank, in], up [out, rank].
struct LowRankViews {
  TensorView down, up;
  double strength = 1;
};

struct AdapterFiles {
  std::string folder;  // absolute
  AdapterConfig config;
  std::string config_text;
  std::optional<std::string> aspect_ratio;                  // "pad", "square": how pictures were prepared in training
  std::map<std::string, LowRankViews, std::less<>> added;   // by canonical layer, "language.layers.0.self_attn.q_proj"
  std::map<std::string, TensorView, std::less<>> replaced;  // by canonical tensor
  std::vector<std::string> unused;                          // published names of what no forward pass reads
  std::vector<std::string> names;                           // of the files, "adapter_model.safetensors"
  std::vector<MappedSource> files;

  /// Whether it changes what becomes of a picture: the tower or the projector.
  bool changes_images() const;
  int64_t parameters() const;
  int64_t size_bytes() const;
};

/// Reads adapter_config.json, adapter_model.safetensors or .bin, and non_lora_trainables.bin where it is there.
///
///   names    PEFT's: "base_model.model.<path>.lora_A.weight", with or without the adapter's name before "weight"; any
///            <path> that model/weight_names knows. Tensors without lora_ in their names (biases, modules_to_save, all of
///            non_lora_trainables.bin) replace the model's; adapter_model's win, as they are loaded last
///   held     the model's tensors: every matrix must fit its layer, every other tensor the one it replaces
///   needed_blocks  of the vision tower; matrices of later blocks are left out and named in `unused`
///
/// Where preprocessor_config.json is there and has do_pad, that says how pictures were prepared.
/// Throws Error(not_found) for missing files, Error(format) when matrices lack their other half or have no numbers that
/// can be computed with, Error(unsupported) when they are made for other shapes or layers or are no plain LoRA; all
/// faults in one message. And what the readers throw.
/// Source: PEFT 0.17, save_and_load.py; LLaVA c121f04, llava/model/builder.py:52-79.
AdapterFiles open_adapter(const std::string& path, const HeldTensors& held, int64_t needed_blocks,
                          const OpenOptions& options);

}  // namespace llava::core
