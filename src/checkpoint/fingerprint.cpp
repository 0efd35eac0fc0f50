// The fingerprint of a model.
#include "checkpoint/fingerprint.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/hash.hpp"

namespace llava::core {

std::string model_fingerprint(std::string_view config_text, const NamedTensors& tensors) {
  constexpr size_t kSample_bytes = 4096;
  Hasher hasher;
  hasher.add_field(config_text);
  for (const auto& [name, view] : tensors.found) {
    hasher.add_field(name).add_field(dtype_name(view.dtype)).add_field(shape_text(view.shape));
    if (!name.starts_with("vision.") && !name.starts_with("projector.") && name != "image_newline") continue;
    const auto sample = std::min(kSample_bytes, view.size_bytes);
    hasher.add(view.data, sample).add(view.data + view.size_bytes - sample, sample);
  }
  return to_hex(hasher.digest());
}

}  // namespace llava::core
