// Training options as the core takes them.
#pragma once

#include <llava/train.h>

#include <string>

#include "train/settings.hpp"

namespace llava::capi {

/// The preset's settings with what the options say otherwise, for the checkpoint at `model`.
/// Throws Error(not_found) for an unknown preset, Error(argument) for a missing `data` or `out_dir` (where needed).
core::RunSettings run_settings(const llava_train_options& options, const std::string& model, bool writes);

}  // namespace llava::capi
