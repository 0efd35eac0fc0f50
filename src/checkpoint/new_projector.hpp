// A projector that has learned nothing yet: what stage 1 starts from.
#pragma once

#include <cstdint>
#include <string>

#include "model/weight_names.hpp"

namespace llava::core {

struct NewProjector {
  std::string type;   // mm_projector_type: "linear", "mlp2x_gelu" … ; "" = none is made
  uint64_t seed = 0;  // of its numbers
};

/// The name of the "file" its tensors come from.
inline constexpr const char* kNewProjectorFile = "a new projector";

/// The layers of a type (model/original_config). Throws Error(argument) for a type that is none.
int64_t projector_layers(const std::string& type);

/// Puts the layers into `tensors`, in place of those there are: f32, weights and biases uniform in ±1 / sqrt(inputs), as
/// torch.nn.Linear begins; the numbers depend on seed and shapes alone.
void make_projector(NamedTensors& tensors, const NewProjector& projector, int64_t feature_width, int64_t width);

}  // namespace llava::core
