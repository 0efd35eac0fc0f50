// llava_save_options as the core's.
#pragma once

#include <llava/checkpoint.h>

#include "checkpoint/weight_output.hpp"
#include "objects.hpp"

namespace llava::capi {

/// Checked settings; `use` must live as long as the options.
core::SaveOptions save_options(const llava_save_options& settings, const CancelUse& use);

/// Throws Error(argument) for a path that has no meaning in the call.
void require_unset(const char* value, const char* field);

}  // namespace llava::capi
