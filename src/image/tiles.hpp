// Pictures of any size (LLaVA-NeXT's "anyres"): the grid of tiles that fits a picture best, the picture resized into it
// without distortion, and before the tiles the whole picture squeezed into one. Which patches of the grid show picture
// and not padding, and how many rows of language-model input come of it, follows from the picture's size alone.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "image/preprocess.hpp"

namespace llava::core {

/// The original and transformers read the two numbers of a grid in opposite order, so that of grids that fit equally
/// well another one is first, and they round the height of the picture's map differently.
enum class TileRule : uint8_t { original, hf };

/// What becomes of the tiles' rows (mm_patch_merge_type): one tile after the other; as lines of the whole map; as lines
/// of the map without its padding, each closed by the row image_newline.
enum class TileMerge : uint8_t { flat, spatial, spatial_unpad };

const char* tile_rule_name(TileRule rule) noexcept;     // "original", "hf"
const char* tile_merge_name(TileMerge merge) noexcept;  // as config.json writes it

struct GridSize {
  int64_t width = 0, height = 0;  // pixels
  bool operator==(const GridSize&) const = default;
};

struct TilingConfig {
  TileRule rule = TileRule::hf;
  TileMerge merge = TileMerge::spatial_unpad;
  std::vector<GridSize> grids;  // in the order in which they are tried: of equally good ones the first wins
  int64_t side = 336;           // of a tile, pixels
  int64_t patches = 24;         // along a tile's side
  int64_t rows_per_tile = 576;  // patches * patches, and the class token where it is kept

  /// The most that a picture can become.
  int64_t most_tiles() const;
  int64_t most_tokens() const;
};

/// How one picture is cut, and what is kept of it.
struct TilePlan {
  GridSize grid;
  int64_t width = 0, height = 0;  // of the picture on the grid
  int64_t left = 0, top = 0;      // where it lies there, on black
  int64_t rows = 0, columns = 0;  // tiles
  // the part of the map of patches [rows * patches, columns * patches] that stays
  int64_t kept_top = 0, kept_left = 0, kept_height = 0, kept_width = 0;
  int64_t tokens = 0;  // rows of language-model input, those of the first tile included

  int64_t tiles() const { return 1 + rows * columns; }  // the whole picture comes first
};

/// A picture of 1 x 1000 and the like may keep nothing of the map but its ends of lines, or nothing at all.
/// Source: LLaVA c121f04, llava/mm_utils.py, llava/model/llava_arch.py; transformers 4.57.3, image_processing_utils.py,
/// models/llava_next/modeling_llava_next.py (unpad_image).
TilePlan plan_tiles(const TilingConfig& config, int64_t picture_width, int64_t picture_height);

/// The tiles [side, side, 3] before scaling (scaled() in image/preprocess does that): the whole picture, then the grid's in reading order. Equal to transformers'
/// LlavaNextImageProcessor with Pillow underneath; under the original's rule to process_anyres_image.
/// Throws Error(argument) for a picture whose size and bytes differ, cancelled, timeout.
std::vector<PixelsU8> cut_tiles_u8(const Picture& picture, const TilingConfig& config, Resample resample,
                                   const Cancel& cancel = {});

/// Whose file it is: transformers has a default where grids are absent and takes lists only.
enum class GridFile : uint8_t { original, hf };

/// image_grid_pinpoints of config.json or preprocessor_config.json: pairs of pixels, (width, height) by the original's
/// rule and (height, width) by transformers'. In the original's files also the text of a Python literal,
/// "[(336, 672), (672, 336)]", or a range of tile counts, "(1x1),...,(6x6)".
///
/// Throws Error(format) for an empty list, wrong types and sides that are no multiple of `tile_side`, Error(limit) for
/// more than limits::kGrids grids, limits::kTiles tiles in one, or limits::kPicturePixels pixels.
std::vector<GridSize> read_grids(const Json& object, std::string_view where, GridFile file, TileRule rule,
                                 int64_t tile_side);

/// preprocessor_config.json beside a LlavaNextForConditionalGeneration. do_pad there is about batches and means nothing
/// here. Throws as parse_preprocess() and read_grids(), and Error(format) when its grids are not config.json's.
PreprocessConfig parse_tiled_preprocess(std::string_view json_text, std::string_view where, const TilingConfig& tiling);

}  // namespace llava::core
