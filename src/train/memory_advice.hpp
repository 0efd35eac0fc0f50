// What would make a run fit into memory that does not.
#pragma once

#include <functional>

#include "base/json_value.hpp"
#include "train/settings.hpp"

namespace llava::core {

/// Settings that take less memory than the `total` of the plan, each by itself and then those together that change no bit
/// or only last digits, as a list of {"settings": {"recompute": "full"}, "total": bytes, "fits": bool, "changes": "nothing",
/// "last digits" or "what is learnt"}; those that change least first. The names are fields of llava_train_options. What
/// changes last digits is numeric: a run that is under way does not go on with it.
///
///   total_of  the plan's total for other settings
Json memory_advice(const LoadPlan& plan, const RunSettings& settings, int64_t total, int64_t available,
                   const std::function<int64_t(const RunSettings&)>& total_of);

}  // namespace llava::core
