// Writing a checkpoint in one of the published layouts.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>

#include "checkpoint/bundle.hpp"
#include "checkpoint/plan.hpp"
#include "checkpoint/weight_output.hpp"

namespace llava::core {

/// Reads the checkpoint at `path` (plan_load with `load`) and writes it to the folder `target`, which appears when it
/// is complete (base/atomic_folder).
///
///   hf        LlavaForConditionalGeneration, with the names of the files on the hub: transformers 4.36 and later open
///   it.
///             A vocabulary without a row for <image> gets one, filled with the mean of the others, so that it never
///             wins
///   original  haotian-liu/LLaVA: language model and projector in the folder, the tower in its sub-folder vision_tower
///
/// Tensors keep their bytes unless options.dtype converts them; those that can be computed (inv_freq, position_ids) and
/// those that no model knows are left out. Tokenizer files and generation_config.json are copied.
/// Throws what plan_load throws; Error(unsupported) when the layout has no place for something (a projector that is not
/// two layers in hf, concatenated feature layers in original); Error(argument) for a target that is there; Error(io).
void convert_checkpoint(const std::string& path, const std::string& target, const LoadOptions& load,
                        const SaveOptions& options);

/// The same for a loaded model, from the files it was loaded from; an adapter is not written, the log says so. Error(io)
/// when these have changed since.
void save_bundle(const Bundle& bundle, const std::string& target, const SaveOptions& options);

/// Writes the model of `base` with an adapter in its weights: W + scale * strength * B A, summed in f32 and rounded to the
/// type that is written, and the tensors that the adapter replaces. Otherwise as save_bundle(). Error(argument) for an
/// adapter of another model or a scale that is no number.
void merge_adapter(const Bundle& base, const Adapter& adapter, double scale, const std::string& target,
                   const SaveOptions& options);

/// Values by canonical name, in the order of the published shape, on any device and of any floating type, each made when
/// it is its turn; it is told which type is written.
using TrainedValues = std::map<std::string, std::function<at::Tensor(at::ScalarType written)>, std::less<>>;

/// Writes the model of a plan with `values` in place of the files' tensors of those names, rounded to the type that is
/// written, into `folder`, which is there and empty. Otherwise as convert_checkpoint().
void write_trained(const LoadPlan& plan, const TrainedValues& values, const std::string& folder,
                   const SaveOptions& options);

/// config.json of the plan's model as haotian-liu/LLaVA reads it: the checkpoint's own where it is one of that layout and
/// has its own projector, less what it says of the training that the checkpoint came from (which parts learnt, at what rate);
/// else what convert_checkpoint() writes, with the folder that the tower was found in.
/// Throws Error(unsupported) as that does, Error(io).
void write_original_config(const LoadPlan& plan, const std::string& folder);

/// The projector alone under the original's names (model.mm_projector.0.weight …): the trained values where there are
/// some, else the plan's. In torch's format where the path ends in ".bin" (weights/torch_writer), else a safetensors
/// file. Error(io).
void write_projector(const LoadPlan& plan, const TrainedValues& values, const std::string& path);

}  // namespace llava::core
