// Packing tiles: an index in the map is an index in a tile. Values against transformers are in tests/checkpoints.
#include "model/pack.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>

#include "base/error.hpp"
#include "support/doctest.hpp"

using namespace llava::core;

namespace {

// Tiles of 2 x 2 patches, one number a patch: tile t has 4 t … 4 t + 3.
at::Tensor numbered(int64_t tiles) { return at::arange(4 * tiles, at::kFloat).view({tiles, 4, 1}); }

std::vector<float> packed(const TileMap& map, const at::Tensor& newline_D = {}) {
  const auto rows = pack_tiles(numbered(1 + map.rows * map.columns), map, newline_D).contiguous();
  return {rows.const_data_ptr<float>(), rows.const_data_ptr<float>() + rows.numel()};
}

}  // namespace

TEST_SUITE("model/pack") {
  TEST_CASE("the whole picture first, then lines that run through all tiles of a row") {
    CHECK((packed({1, 2, 0, 0, 2, 4}) == std::vector<float>{0, 1, 2, 3, 4, 5, 8, 9, 6, 7, 10, 11}));
    CHECK((packed({2, 1, 0, 0, 4, 2}) == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  }

  TEST_CASE("what is left out is left out on both sides, and each line ends") {
    const auto end = at::full({1}, -1.f);
    CHECK((packed({1, 2, 0, 1, 2, 2}, end) == std::vector<float>{0, 1, 2, 3, 5, 8, -1, 7, 10, -1}));
    CHECK((packed({2, 1, 1, 0, 2, 2}, end) == std::vector<float>{0, 1, 2, 3, 6, 7, -1, 8, 9, -1}));
    CHECK((packed({1, 1, 0, 1, 2, 0}, end) == std::vector<float>{0, 1, 2, 3, -1, -1}));
    CHECK((packed({1, 1, 1, 0, 0, 2}, end) == std::vector<float>{0, 1, 2, 3}));
  }

  TEST_CASE("tiles that make no such map are refused") {
    for (const auto& map :
         {TileMap{2, 2, 0, 0, 1, 1}, TileMap{1, 1, 1, 0, 2, 2}, TileMap{1, 1, -1, 0, 1, 1}, TileMap{1, 1, 0, 0, 3, 1}})
      CHECK(error_of([&] { pack_tiles(numbered(2), map, {}); }).status() == Status::argument);
    CHECK(error_of([&] {
            pack_tiles(at::arange(6, at::kFloat).view({2, 3, 1}), {1, 1, 0, 0, 1, 1}, {});
          }).status() == Status::argument);
  }
}
