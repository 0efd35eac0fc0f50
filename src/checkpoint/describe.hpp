// A checkpoint as JSON: what a plan and a loaded model have in common.
#pragma once

#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.hpp"

namespace llava::core {

nlohmann::ordered_json describe(const Checkpoint& checkpoint);

}  // namespace llava::core
