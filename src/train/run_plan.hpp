// What a run would do, before it does anything.
#pragma once

#include "base/json_value.hpp"
#include "train/feed.hpp"
#include "train/settings.hpp"

namespace llava::core {

/// The report of llava_train_plan(). Reads every record, looks for every picture, reads no weight and writes nothing;
/// settings.out may be empty. Throws Error(argument | not_found | format | unsupported | io | limit | cancelled |
/// timeout).
Json plan_run(const RunSettings& settings, const CountProgress& progress, const Cancel& cancel);

}  // namespace llava::core
