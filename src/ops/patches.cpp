// Pictures into squares: the first half of a convolution whose stride is its kernel.
#include "ops/check.hpp"
#include "ops/ops.hpp"

namespace llava::core {

at::Tensor patches(const at::Tensor& pixels, int64_t patch) {
  require(pixels.dim() == 4 && patch > 0, "patches: pixels are [N, channels, height, width]", pixels);
  const int64_t images = pixels.size(0), channels = pixels.size(1);
  const int64_t down = pixels.size(2) / patch, across = pixels.size(3) / patch;
  return pixels.slice(2, 0, down * patch)
      .slice(3, 0, across * patch)
      .unflatten(3, {across, patch})
      .unflatten(2, {down, patch})  // [N, channels, down, patch, across, patch]
      .permute({0, 2, 4, 1, 3, 5})  // [N, down, across, channels, patch, patch]
      .reshape({images, down * across, channels * patch * patch});
}

}  // namespace llava::core
