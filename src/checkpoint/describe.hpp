// A checkpoint as JSON: what a plan and a loaded model have in common.
#pragma once

#include "base/json_value.hpp"
#include "checkpoint/checkpoint.hpp"

namespace llava::core {

Json describe(const Checkpoint& checkpoint);

}  // namespace llava::core
