// config.json of a model: what is taken holds numbers a model can be made of, and grids within their limits.
#include "model/config_json.hpp"
#include "fuzz.hpp"
#include "image/tiles.hpp"

using namespace llava;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto config =
        core::parse_model_config(core::parse_json(fuzz::text_of(data, size), "config.json"), "config.json");
    const auto& language = config.language;
    fuzz::require(language.layers >= 1 && language.layers <= core::limits::kLayers, "layers");
    fuzz::require(language.vocabulary >= 1 && language.vocabulary <= core::limits::kVocabulary, "vocabulary");
    fuzz::require(language.context >= 1 && language.context <= core::limits::kContext, "context");
    // pixels beyond the last whole patch are dropped, as by transformers' convolution: 384 = 27 * 14 + 6
    fuzz::require(config.vision.patches() >= 1, "a picture without patches");
  });
  fuzz::accepted([&] {
    core::TilingConfig tiling;
    const auto json = core::parse_json(fuzz::text_of(data, size), "config.json");
    tiling.grids = core::read_grids(json, "config.json", core::GridFile::original, core::TileRule::original, 336);
    fuzz::require(tiling.most_tiles() <= 1 + core::limits::kTiles, "tiles");
    fuzz::require(core::plan_tiles(tiling, 1, 65535).tokens >= 0, "tokens");
  });
  return 0;
}
