// Cutting pictures of any size: which grid, what is kept, how many rows it makes, and what the grids may not be. Bytes of
// tiles are compared with transformers' in tests/checkpoints/next_test.cpp.
#include "image/tiles.hpp"

#include <string>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "image/fixtures.hpp"
#include "support/doctest.hpp"

using namespace llava::core;

namespace {

constexpr const char* kPublished = "[[336,672],[672,336],[672,672],[1008,336],[336,1008]]";

std::vector<GridSize> grids_of(const std::string& json, TileRule rule, GridFile file = GridFile::original,
                               int64_t side = 336) {
  return read_grids(parse_json("{\"image_grid_pinpoints\":" + json + "}", "config.json"), "config.json", file, rule,
                    side);
}

TilingConfig published(TileRule rule, TileMerge merge = TileMerge::spatial_unpad) {
  TilingConfig config;
  config.rule = rule;
  config.merge = merge;
  config.grids = grids_of(kPublished, rule);
  return config;
}

struct Row {
  int64_t width, height, grid_width, grid_height, tokens;
};

// llava-facts 3.4: the original's algorithm, executed
constexpr Row kOriginal[] = {
    {1024, 899, 672, 672, 2634},  {672, 672, 672, 672, 2928},    {800, 800, 672, 672, 2928},
    {640, 480, 672, 672, 2340},   {500, 375, 672, 672, 2340},    {480, 640, 672, 672, 2352},
    {1920, 1080, 672, 672, 1948}, {1080, 1920, 672, 672, 1968},  {1000, 400, 1008, 336, 2040},
    {400, 1000, 336, 1008, 2076}, {3000, 1000, 1008, 336, 2328}, {1344, 336, 1008, 336, 1890},
    {100, 1000, 336, 1008, 1224}, {224, 224, 336, 672, 1176},    {336, 336, 336, 672, 1176},
    {300, 200, 336, 672, 976},    {200, 300, 336, 672, 1476},    {352, 748, 336, 1008, 1826},
};
// where transformers differs
constexpr Row kHf[] = {
    {300, 200, 672, 336, 1464},  {200, 300, 672, 336, 984},   {224, 224, 672, 336, 1176},
    {352, 748, 336, 1008, 1876}, {1024, 899, 672, 672, 2634},
};

void check_row(const TilingConfig& config, const Row& row) {
  CAPTURE(row.width);
  CAPTURE(row.height);
  const auto plan = plan_tiles(config, row.width, row.height);
  CHECK(plan.grid == GridSize{row.grid_width, row.grid_height});
  CHECK(plan.tokens == row.tokens);
  CHECK(plan.tokens == 576 + plan.kept_height * (plan.kept_width + 1));
  CHECK(plan.tiles() == 1 + row.grid_width / 336 * (row.grid_height / 336));
}

Error error_for(const std::string& json, GridFile file = GridFile::original) {
  return error_of([&] { grids_of(json, file == GridFile::hf ? TileRule::hf : TileRule::original, file); });
}

}  // namespace

TEST_SUITE("image/tiles") {
  TEST_CASE("grid and number of rows of the table in the facts") {
    for (const auto& row : kOriginal) check_row(published(TileRule::original), row);
    for (const auto& row : kHf) check_row(published(TileRule::hf), row);
  }

  TEST_CASE("the two rules differ as often as was counted") {
    const auto original = published(TileRule::original), hf = published(TileRule::hf);
    int64_t sizes = 0, grids = 0, counts = 0;
    for (int64_t width = 16; width <= 1400; width += 13)
      for (int64_t height = 16; height <= 1400; height += 13) {
        const auto a = plan_tiles(original, width, height), b = plan_tiles(hf, width, height);
        ++sizes;
        grids += !(a.grid == b.grid);
        counts += a.tokens != b.tokens;
      }
    CHECK(sizes == 11449);
    CHECK(grids == 625);
    CHECK(counts == 600);
  }

  TEST_CASE("lines and columns keep line ends, or nothing of the map") {
    const auto config = published(TileRule::hf);
    CHECK(plan_tiles(config, 1, 1000).tokens == 576 + 72);  // every line is its end alone
    CHECK(plan_tiles(config, 1000, 1).tokens == 576);
    CHECK(plan_tiles(config, 65535, 1).tokens == 576);
    CHECK(plan_tiles(config, 1, 65535).width == 1);
    CHECK(plan_tiles(config, 1, 1).tiles() == 3);
  }

  TEST_CASE("the largest picture of all: 2928 rows of five tiles; flat and spatial have others") {
    CHECK(published(TileRule::original).most_tokens() == 2928);
    CHECK(published(TileRule::hf).most_tiles() == 5);
    CHECK(published(TileRule::original, TileMerge::flat).most_tokens() == 5 * 576);
    CHECK(plan_tiles(published(TileRule::original, TileMerge::spatial), 640, 480).tokens == 576 + 48 * 48);
  }

  TEST_CASE("a list, a Python literal and a range say the same grids") {
    const std::vector<GridSize> two = {{336, 672}, {672, 336}};
    for (const std::string json : {"[[336,672],[672,336]]", "\"[(336, 672), (672, 336)]\"",
                                   "\"((336,672),[672,336],)\"", "\" [ [336,672] ,\\n(672,336,) ] \""}) {
      CAPTURE(json);
      CHECK(grids_of(json, TileRule::original) == two);
    }
    CHECK(grids_of("[[336,672],[672,336]]", TileRule::hf) == std::vector<GridSize>{{672, 336}, {336, 672}});
    CHECK(grids_of("\"(1x1),...,(2x3)\"", TileRule::original) ==
          std::vector<GridSize>{{336, 336}, {336, 672}, {336, 1008}, {672, 336}, {672, 672}, {672, 1008}});
    CHECK(grids_of("\"(1x1),...,(6x6)\"", TileRule::original).size() == 36);
    CHECK(read_grids(Json::object(), "config.json", GridFile::hf, TileRule::hf, 336) ==
          grids_of(kPublished, TileRule::hf));
  }

  TEST_CASE("grids that cannot be are refused, each in its own words") {
    const std::pair<const char*, const char*> format[] = {
        {"[]", "is empty, expected at least one pair"},
        {"\"[]\"", "is empty, expected at least one pair"},
        {"7", "image_grid_pinpoints is 7, expected a list of pairs"},
        {"{}", "is an object of 0 keys, expected a list of pairs"},
        {"[[336]]", "[0] is a list of 1, expected two whole numbers"},
        {"[[336,672],[336,672,1]]", "[1] is a list of 3, expected two whole numbers"},
        {"[[336.0,672]]", "expected two whole numbers"},
        {"[336,672]", "[0] is 336, expected two whole numbers"},
        {"[[\"336\",672]]", "expected two whole numbers"},
        {"[[-336,672]]", "[0] is a grid -336 wide and 672 high, expected positive sides"},
        {"[[336,0]]", "expected positive sides"},
        {"[[336,672],[336,500]]", "[1] is a grid 336 wide and 500 high, expected multiples of the tile's side 336"},
        {"[[335,336]]", "expected multiples"},
        {"\"\"", "is a text with its end at byte 1, expected \"[\" or \"(\""},
        {"\"[(336, 672\"", "expected \")\""},
        {"\"[(336, 672]\"", "expected \")\""},
        {"\"[(336, 672))\"", "expected \"]\""},
        {"\"[(336, 672)] + 1\"", "expected the end"},
        {"\"[(336, __import__)]\"", "expected a whole number"},
        {"\"[(1e3, 672)]\"", "expected \",\""},
        {"\"[(336, 99999999999999999999)]\"", "expected a whole number"},
        {"\"(2x2),...,(1x1)\"", "is empty"},
        {"\"(1x1),(2x2)\"", "expected \"[\" or \"(\""},
    };
    for (const auto& [given, words] : format) {
      const std::string json = given;
      CAPTURE(json);
      const auto error = error_for(json);
      CAPTURE(error.message());
      CHECK(error.status() == Status::format);
      CHECK(error.message().starts_with("config.json: image_grid_pinpoints"));
      CHECK(error.message().find(words) != std::string::npos);
    }
    CHECK(error_for("null").message() ==
          "config.json: image_grid_pinpoints is missing, and image_aspect_ratio is \"anyres\"");
    CHECK(error_for("\"[(336, 672)]\"", GridFile::hf).message().find("expected a list of pairs") != std::string::npos);
  }

  TEST_CASE("grids beyond the limits are refused as such") {
    std::string many = "[[336,336]";
    for (int64_t i = 0; i < limits::kGrids; ++i) many += ",[336,336]";
    many += "]";
    const std::string long_text = "\"" + std::string(static_cast<size_t>(limits::kGridTextBytes) + 1, ' ') + "\"";
    const std::pair<std::string, const char*> cases[] = {
        {"[[3360,3360]]", "more than 64 tiles of 336"},
        {"[[9223372036854775807,336]]", "more than 64 tiles"},
        {"[[18446744073709551615,18446744073709551615]]", "more than 64 tiles"},
        {"\"(1x1),...,(9x9)\"", "more than 64 tiles"},
        {"\"(1x1),...,(65x1)\"", "has a side of 65 tiles"},
        {"\"(1x1),...,(64x64)\"", "has more than 256 pairs"},
        {many, "has more than 256 pairs"},
        {long_text, "is a text of 16385 bytes"}};
    for (const auto& [given, words] : cases) {
      const std::string json = given;
      CAPTURE(json);
      const auto error = error_for(json);
      CAPTURE(error.message());
      CHECK(error.status() == Status::limit);
      CHECK(error.message().find(words) != std::string::npos);
    }
    const auto huge = error_of([&] { grids_of("[[32768,32768]]", TileRule::original, GridFile::original, 4096); });
    CHECK(huge.status() == Status::limit);
    CHECK(huge.message().find("at most 67108864 pixels") != std::string::npos);
  }

  TEST_CASE("preprocessor_config.json must be of the same kind and have the same grids") {
    auto tiling = published(TileRule::hf);
    const auto parse = [&](const std::string& json) { return parse_tiled_preprocess(json, "p.json", tiling); };
    const auto rules = parse(R"({"image_processor_type":"LlavaNextImageProcessor","do_pad":true,"size":336})");
    CHECK_FALSE(rules.do_pad);
    CHECK(rules.shortest_edge == 336);
    CHECK(error_of([&] { parse(R"({"image_processor_type":"CLIPImageProcessor"})"); }).status() == Status::unsupported);
    CHECK(error_of([&] { parse(R"({"image_grid_pinpoints":[[336,672]]})"); }).message() ==
          "p.json: image_grid_pinpoints differs from config.json's");
    tiling.grids.pop_back();
    CHECK(error_of([&] { parse("{}"); }).status() == Status::format);  // the default has five
  }

  TEST_CASE("tiles hold the picture in its place, and black around it; cancelling is heard") {
    Picture picture;
    picture.width = 30;
    picture.height = 10;
    picture.rgb.assign(900, 200);
    TilingConfig config;
    config.side = 20;
    config.patches = 2;
    config.rows_per_tile = 4;
    config.grids = {{40, 40}};
    const auto tiles = cut_tiles_u8(picture, config, Resample::bicubic);
    REQUIRE(tiles.size() == 5);
    CHECK(tiles[0].rgb == std::vector<uint8_t>(1200, 200));  // squeezed
    // 40 x 14, from line 13: seven lines in the upper tiles, seven in the lower
    for (const size_t tile : {1, 2}) {
      CHECK(tiles[tile].rgb[12 * 60] == 0);
      CHECK(tiles[tile].rgb[13 * 60] == 200);
    }
    for (const size_t tile : {3, 4}) {
      CHECK(tiles[tile].rgb[6 * 60 + 59] == 200);
      CHECK(tiles[tile].rgb[7 * 60] == 0);
    }
    CancelToken token;
    token.cancel();
    CHECK(error_of([&] { cut_tiles_u8(picture, config, Resample::bicubic, Cancel(&token)); }).status() ==
          Status::cancelled);
    picture.rgb.pop_back();
    CHECK(error_of([&] { cut_tiles_u8(picture, config, Resample::bicubic); }).status() == Status::argument);
  }
}
