// A stage trained by several processes: starts llava-rank so many times, hears them through a pipe, ends them.
#pragma once

#include <llava/train.h>

#include <string>

#include "base/json_value.hpp"
#include "objects.hpp"

namespace llava::capi {

/// Trains to the end and returns the report. Events of the first rank are handed to options.event on this thread; a stop
/// it asks for, and a cancel, let the ranks finish their step and save.
/// Throws Error: what the first rank that failed says of itself; distributed when it could not say anything; cancelled;
/// timeout; callback; not_found (the program).
core::Json launch_ranks(const llava_train_options& options, const std::string& model);

}  // namespace llava::capi
