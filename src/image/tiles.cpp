// Choosing a grid, cutting tiles, and the arithmetic of what is kept.
#include "image/tiles.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

double ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

int64_t truncated(double value) { return static_cast<int64_t>(value); }

int64_t rounded_up(double value) { return static_cast<int64_t>(std::ceil(value)); }

// Most pixels of the picture first, then least padding. Where a picture vanishes in every grid the first one wins.
GridSize best_grid(const std::vector<GridSize>& grids, int64_t width, int64_t height) {
  GridSize best;
  int64_t most = 0;
  std::optional<int64_t> least_waste;
  for (const auto& grid : grids) {
    const double scale = std::min(ratio(grid.width, width), ratio(grid.height, height));
    const int64_t shown =
        truncated(static_cast<double>(width) * scale) * truncated(static_cast<double>(height) * scale);
    const int64_t effective = std::min(shown, width * height);
    const int64_t waste = grid.width * grid.height - effective;
    if (effective < most || (effective == most && least_waste && waste >= *least_waste)) continue;
    best = grid;
    most = effective;
    least_waste = waste;
  }
  return best;
}

void place_picture(TilePlan& plan, int64_t width, int64_t height) {
  const double across = ratio(plan.grid.width, width), down = ratio(plan.grid.height, height);
  plan.width = plan.grid.width;
  plan.height = plan.grid.height;
  if (across < down)
    plan.height = std::min(rounded_up(static_cast<double>(height) * across), plan.grid.height);
  else
    plan.width = std::min(rounded_up(static_cast<double>(width) * down), plan.grid.width);
  plan.left = (plan.grid.width - plan.width) / 2;
  plan.top = (plan.grid.height - plan.height) / 2;
}

// int(x), or transformers' int(round(x, 7)): that is one more where x lies less than half of 1e-7 below a whole number.
int64_t patches_shown(TileRule rule, double exact) {
  constexpr double kHalfOfSeventhDigit = 5e-8;
  return truncated(rule == TileRule::hf ? exact + kHalfOfSeventhDigit : exact);
}

void keep_picture(TilePlan& plan, TileRule rule, int64_t width, int64_t height) {
  if (ratio(width, height) > ratio(plan.kept_width, plan.kept_height)) {
    const double scale = ratio(plan.kept_width, width);
    plan.kept_top = (plan.kept_height - patches_shown(rule, static_cast<double>(height) * scale)) / 2;
    plan.kept_height -= 2 * plan.kept_top;
  } else {
    const double scale = ratio(plan.kept_height, height);
    plan.kept_left = (plan.kept_width - patches_shown(rule, static_cast<double>(width) * scale)) / 2;
    plan.kept_width -= 2 * plan.kept_left;
  }
}

PixelsU8 square_of(int64_t side) {
  const auto bytes = static_cast<size_t>(side * side * 3);
  return {static_cast<int32_t>(side), static_cast<int32_t>(side), std::vector<uint8_t>(bytes)};
}

// What of the resized picture lies in the tile at (x, y) of the grid.
PixelsU8 tile_at(const std::vector<uint8_t>& resized, const TilePlan& plan, int64_t side, int64_t x, int64_t y) {
  auto tile = square_of(side);
  const auto left = std::max(x, plan.left), right = std::min(x + side, plan.left + plan.width);
  const auto top = std::max(y, plan.top), bottom = std::min(y + side, plan.top + plan.height);
  if (left >= right) return tile;
  for (int64_t line = top; line < bottom; ++line)
    std::memcpy(tile.rgb.data() + ((line - y) * side + left - x) * 3,
                resized.data() + ((line - plan.top) * plan.width + left - plan.left) * 3,
                static_cast<size_t>((right - left) * 3));
  return tile;
}

}  // namespace

const char* tile_rule_name(TileRule rule) noexcept { return rule == TileRule::hf ? "hf" : "original"; }

const char* tile_merge_name(TileMerge merge) noexcept {
  switch (merge) {
    case TileMerge::flat:
      return "flat";
    case TileMerge::spatial:
      return "spatial";
    case TileMerge::spatial_unpad:
      return "spatial_unpad";
  }
  return "?";
}

TilePlan plan_tiles(const TilingConfig& config, int64_t picture_width, int64_t picture_height) {
  TilePlan plan;
  plan.grid = best_grid(config.grids, picture_width, picture_height);
  place_picture(plan, picture_width, picture_height);
  plan.rows = plan.grid.height / config.side;
  plan.columns = plan.grid.width / config.side;
  plan.kept_height = plan.rows * config.patches;
  plan.kept_width = plan.columns * config.patches;
  if (config.merge == TileMerge::flat) {
    plan.tokens = plan.tiles() * config.rows_per_tile;
    return plan;
  }
  const bool unpad = config.merge == TileMerge::spatial_unpad;
  if (unpad) keep_picture(plan, config.rule, picture_width, picture_height);
  plan.tokens = config.rows_per_tile + plan.kept_height * (plan.kept_width + (unpad ? 1 : 0));
  return plan;
}

int64_t TilingConfig::most_tiles() const {
  int64_t most = 0;
  for (const auto& grid : grids) most = std::max(most, plan_tiles(*this, grid.width, grid.height).tiles());
  return most;
}

int64_t TilingConfig::most_tokens() const {
  int64_t most = 0;  // a picture that fills its grid leaves nothing out
  for (const auto& grid : grids) most = std::max(most, plan_tiles(*this, grid.width, grid.height).tokens);
  return most;
}

std::vector<PixelsU8> cut_tiles_u8(const Picture& picture, const TilingConfig& config, Resample resample,
                                   const Cancel& cancel) {
  check_picture(picture);
  const auto plan = plan_tiles(config, picture.width, picture.height);
  const auto canvas = canvas_of(picture.rgb, picture.width, picture.height);
  // the original calls Image.resize without a filter, which is bicubic for RGB
  const auto filter = config.rule == TileRule::original ? Resample::bicubic : resample;
  const auto resized_to = [&](int64_t width, int64_t height) {
    return resize(canvas, width, height, filter, {0, 0, width, height}, cancel);
  };
  std::vector<PixelsU8> tiles;
  tiles.push_back(square_of(config.side));
  tiles.back().rgb = resized_to(config.side, config.side);
  const auto resized = resized_to(plan.width, plan.height);
  for (int64_t row = 0; row < plan.rows; ++row)
    for (int64_t column = 0; column < plan.columns; ++column) {
      cancel.poll("preprocessing");
      tiles.push_back(tile_at(resized, plan, config.side, column * config.side, row * config.side));
    }
  return tiles;
}

}  // namespace llava::core
