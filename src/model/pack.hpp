// The rows of a picture that was cut into tiles, in the order in which the language model reads them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llava::core {

/// How the tiles lie, and the part of their map of patches that is kept.
struct TileMap {
  int64_t rows = 1, columns = 1;  // tiles
  int64_t top = 0, left = 0, height = 0, width = 0;
};

/// The first tile's rows as they are, then the map that the others make, line by line.
///
///   tiles_TPD  T = 1 + rows * columns tiles, the whole picture first; P = G * G patches each
///   newline_D  closes every line of the map; undefined: lines are not closed
///   returns    [P + height * (width + 1), D], or [P + height * width, D] without newline
///
/// Throws Error(argument) when the tiles do not make the map, or the part does not lie in it.
/// Source: LLaVA c121f04, llava/model/llava_arch.py (mm_patch_merge_type spatial and spatial_unpad); transformers
/// v4.57, models/llava_next/modeling_llava_next.py (pack_image_features).
at::Tensor pack_tiles(const at::Tensor& tiles_TPD, const TileMap& map, const at::Tensor& newline_D);

}  // namespace llava::core
