// llava_load_options as the core's, for everything that opens a checkpoint.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>

#include "checkpoint/checkpoint.hpp"
#include "objects.hpp"

namespace llava::capi {

/// nullopt for LLAVA_DTYPE_AUTO.
std::optional<at::ScalarType> scalar_type(int32_t dtype);

/// Asks the caller's callback; empty when there is none. What it throws or answers becomes an Error (guard.hpp).
std::function<void(const core::LoadProgress&)> progress_teller(llava_load_progress_fn call, void* user_data);

/// Checked settings; `use` must live as long as the options.
core::LoadOptions core_load_options(const llava_load_options& settings, const CancelUse& use);

}  // namespace llava::capi
