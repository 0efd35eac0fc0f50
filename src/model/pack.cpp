// Tiles to lines.
#include "model/pack.hpp"

#include <ATen/ops/cat.h>

#include <cmath>

#include "base/error.hpp"

namespace llava::core {
namespace {

// [1 + rows * columns, G * G, D] -> [rows * G, columns * G, D]
at::Tensor map_of(const at::Tensor& tiles_TPD, const TileMap& map) {
  const int64_t patches = tiles_TPD.size(1), width = tiles_TPD.size(2);
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(patches))));
  if (side * side != patches || tiles_TPD.size(0) != 1 + map.rows * map.columns)
    throw Error(Status::argument, cat("rows of tiles are ", shape_text(tiles_TPD.sizes().vec()), ", expected [",
                                      1 + map.rows * map.columns, ", G * G, D]"));
  return tiles_TPD.narrow(0, 1, map.rows * map.columns)
      .view({map.rows, map.columns, side, side, width})
      .permute({0, 2, 1, 3, 4})
      .reshape({map.rows * side, map.columns * side, width});
}

bool lies_in(const TileMap& map, const at::Tensor& whole_HWD) {
  const auto fits = [](int64_t begin, int64_t count, int64_t size) {
    return begin >= 0 && count >= 0 && count <= size && begin <= size - count;
  };
  return fits(map.top, map.height, whole_HWD.size(0)) && fits(map.left, map.width, whole_HWD.size(1));
}

}  // namespace

at::Tensor pack_tiles(const at::Tensor& tiles_TPD, const TileMap& map, const at::Tensor& newline_D) {
  const int64_t width = tiles_TPD.size(2);
  const auto whole_HWD = map_of(tiles_TPD, map);
  if (!lies_in(map, whole_HWD))
    throw Error(Status::argument, cat("the part ", map.height, " x ", map.width, " at ", map.top, ", ", map.left,
                                      " does not lie in a map of ", whole_HWD.size(0), " x ", whole_HWD.size(1)));
  auto kept_HWD = whole_HWD.narrow(0, map.top, map.height).narrow(1, map.left, map.width);
  if (newline_D.defined()) kept_HWD = at::cat({kept_HWD, newline_D.to(kept_HWD).expand({map.height, 1, width})}, 1);
  return at::cat({tiles_TPD[0], kept_HWD.reshape({kept_HWD.size(0) * kept_HWD.size(1), width})}, 0);
}

}  // namespace llava::core
