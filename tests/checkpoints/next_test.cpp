// LLaVA-NeXT: pictures of every shape as transformers cuts them, and as the original does (tests/checkpoints/make_next.py).
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "checkpoint/save.hpp"
#include "checkpoints/support.hpp"

using namespace checkpoints_test;
using namespace llava::core;
using Tree = nlohmann::json;

namespace {

constexpr int kPictures = 7;
constexpr int kPrompts = 5;

struct Case {
  std::string model, layout;
  TileRule rule;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {{"hf_next", "hf", TileRule::hf},
                                        {"hf_next_mistral", "hf-5", TileRule::hf},
                                        {"original_next", "original", TileRule::original},
                                        {"original_next_mistral", "original", TileRule::original}};
  return all;
}

Golden expected_of(const std::string& model) { return Golden(kGolden + model + "/expected.safetensors"); }

Picture picture(int index) {
  static const Golden pictures(kGolden + "next_pictures.safetensors");
  const auto rgb_HW3 = pictures.tensor(cat("picture.", index));
  Picture out;
  out.height = static_cast<int32_t>(rgb_HW3.size(0));
  out.width = static_cast<int32_t>(rgb_HW3.size(1));
  const auto* bytes = rgb_HW3.const_data_ptr<uint8_t>();
  out.rgb.assign(bytes, bytes + rgb_HW3.numel());
  return out;
}

at::Tensor rows_of(const Bundle& bundle, int index) {
  const auto image = picture(index);
  return encode_rows(bundle, {&image}, {})[0];
}

/// Checks one prompt: how long it is, the logits of its last positions, and what a greedy answer says.
void check_prompt(const Bundle& bundle, const Golden& golden, int prompt) {
  const c10::InferenceMode no_gradients;
  CAPTURE(prompt);
  std::vector<at::Tensor> rows;
  for (const auto index : golden.integers(cat("pictures.", prompt)))
    rows.push_back(rows_of(bundle, static_cast<int>(index)));
  const auto& language = bundle.model->language();
  auto cache = language.new_cache();
  auto hidden = language.forward(bundle.model->embed(golden.integers(cat("ids.", prompt)), rows), cache, {});
  CHECK(hidden.size(0) == golden.integers(cat("length.", prompt))[0]);
  const auto logits = golden.tensor(cat("logits.", prompt));
  CHECK(distance(language.logits(hidden.slice(0, hidden.size(0) - logits.size(0))), logits) <= 1e-4);
  std::vector<int64_t> ids;
  const auto greedy = golden.integers(cat("greedy.", prompt));
  while (ids.size() < greedy.size()) {
    ids.push_back(language.logits(hidden.slice(0, hidden.size(0) - 1)).argmax(-1).item<int64_t>());
    hidden = language.forward(bundle.model->embed(std::span(&ids.back(), 1), {}), cache, {});
  }
  CHECK(ids == greedy);
}

/// A copy of a golden folder with one key of a file changed; null removes it.
class Changed {
 public:
  Changed(const std::string& model, const std::string& key, const Tree& value,
          const std::string& file = "config.json") {
    copy_folder(kGolden + model, path());
    copy_folder(kGolden + "next-clip", folder_ / "next-clip");  // beside the model
    auto json = Tree::parse(read_file(path() + "/" + file, 1 << 20));
    if (value.is_null())
      json.erase(key);
    else
      json[key] = value;
    folder_.write("m/" + file, json.dump());
  }
  std::string path() const { return folder_ / "m"; }
  std::string tower() const { return folder_ / "next-clip"; }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_SUITE("checkpoints/next") {
  TEST_CASE("tiles are the reference's byte for byte, and normalised bit for bit") {
    for (const std::string model : {"hf_next", "original_next"}) {
      CAPTURE(model);
      const auto golden = expected_of(model);
      const auto plan = plan_load(kGolden + model, {}).checkpoint;
      REQUIRE(plan.tiling);
      for (int index = 0; index < kPictures; ++index) {
        CAPTURE(index);
        const auto want = golden.tensor(cat("tiles.", index));
        const auto tiles = cut_tiles_u8(picture(index), *plan.tiling, plan.preprocess.resample);
        REQUIRE(static_cast<int64_t>(tiles.size()) == want.size(0));
        for (size_t i = 0; i < tiles.size(); ++i) {
          const auto tile = want[static_cast<int64_t>(i)].contiguous();
          const auto* bytes = tile.const_data_ptr<uint8_t>();
          CHECK(tiles[i].rgb == std::vector<uint8_t>(bytes, bytes + tile.numel()));
        }
      }
    }
    const auto bundle = load_bundle(kGolden + "hf_next", {});
    for (const int index : {2, 6}) {
      const auto image = picture(index);
      CHECK(at::equal(picture_pixels(*bundle, {&image}, {}), expected_of("hf_next").tensor(cat("pixels.", index))));
    }
  }

  TEST_CASE("packed rows, logits and greedy ids of both layouts and both language models") {
    for (const auto& sample : cases()) {
      CAPTURE(sample.model);
      const auto bundle = load_bundle(kGolden + sample.model, {});
      CHECK(bundle->layout == sample.layout);
      CHECK(bundle->family == "llava-next");
      REQUIRE(bundle->tiling);
      CHECK(bundle->tiling->rule == sample.rule);
      CHECK(bundle->unused.empty());
      const auto golden = expected_of(sample.model);
      const bool all = sample.model.find("mistral") == std::string::npos;
      for (int index = 0; index < kPictures; ++index) {
        if (!all && index != 1 && index != 6) continue;
        CAPTURE(index);
        const auto rows = rows_of(*bundle, index);
        CHECK(distance(rows, golden.tensor(cat("rows.", index))) <= 1e-5);
        CHECK(rows.size(0) == bundle->image_tokens(picture(index).width, picture(index).height));
      }
      for (int prompt = 0; prompt < kPrompts; ++prompt) check_prompt(*bundle, golden, prompt);
    }
  }

  TEST_CASE("flat and spatial lay the tiles out without line ends; features before the projector lie tile after tile") {
    const auto golden = expected_of("original_next");
    for (const std::string merge : {"flat", "spatial"}) {
      CAPTURE(merge);
      const Changed model("original_next", "mm_patch_merge_type", merge);
      const auto bundle = load_bundle(model.path(), {});
      for (const int index : {2, 4})
        CHECK(distance(rows_of(*bundle, index), golden.tensor(cat("rows_", merge, ".", index))) <= 1e-5);
      CHECK(bundle->unused == std::vector<std::string>{"model.image_newline"});
    }
    const auto bundle = load_bundle(kGolden + "original_next", {});
    const auto image = picture(0);
    const auto features = encode_rows(*bundle, {&image}, {}, {}, /*projected=*/false)[0];
    CHECK(features.sizes() == at::IntArrayRef({4 * 36, 12}));
    FeatureChoice choice;
    choice.keep_class_token = true;
    CHECK(encode_rows(*bundle, {&image}, {}, choice, false)[0].size(0) == 4 * 37);
    CHECK(error_of([&] { encode_rows(*bundle, {&image}, {}, choice); }).status() == Status::argument);
  }

  TEST_CASE("the rule can be chosen, and the other one's rows come out") {
    LoadOptions options;
    options.tile_rule = TileRule::original;
    const auto as_original = load_bundle(kGolden + "hf_next", options);
    options.tile_rule = TileRule::hf;
    const auto as_hf = load_bundle(kGolden + "original_next", options);
    const auto hf = expected_of("hf_next"), original = expected_of("original_next");
    for (int index = 0; index < kPictures; ++index) {
      CAPTURE(index);
      CHECK(rows_of(*as_original, index).size(0) == original.tensor(cat("rows.", index)).size(0));
      CHECK(rows_of(*as_hf, index).size(0) == hf.tensor(cat("rows.", index)).size(0));
    }
    CHECK(original.tensor("rows.2").size(0) != hf.tensor("rows.2").size(0));  // another grid
    CHECK(original.tensor("rows.6").size(0) != hf.tensor("rows.6").size(0));  // the same, another rounding
    const auto plan = plan_load(kGolden + "hf_next", options);
    const auto json = Tree::parse(plan_json(plan));
    CHECK(json.at("tiling").at("rule") == "hf");
    CHECK(json.at("tiling").at("most_tiles") == 5);
    CHECK(json.at("vision").at("tokens_per_image") == 36 + 12 * 13);
    CHECK(json.at("tiling").at("grids")[0] == Tree({36, 18}));
    CHECK(Tree::parse(plan_json(plan_load(kGolden + "hf_rows", {}))).at("tiling").is_null());
  }

  TEST_CASE("what a configuration may not say is refused in its own words") {
    const struct {
      const char *model, *file, *key;
      Tree value;
      Status status;
      const char* words;
    } refused[] = {
        {"hf_next", "config.json", "vision_feature_select_strategy", "full", Status::unsupported, "class token"},
        {"hf_next", "config.json", "use_image_newline_parameter", false, Status::unsupported, "image_newline"},
        {"hf_next", "config.json", "use_image_newline_parameter", 1, Status::format, "expected true or false"},
        {"hf_next", "config.json", "image_grid_pinpoints", Tree::array(), Status::format, "is empty"},
        {"hf_next", "config.json", "image_grid_pinpoints", "[(18, 36)]", Status::format, "expected a list of pairs"},
        {"hf_next",
         "config.json",
         "image_grid_pinpoints",
         {{18, 37}},
         Status::format,
         "multiples of the tile's side 18"},
        {"hf_next", "config.json", "image_grid_pinpoints", {{18, 36}}, Status::format, "differs from config.json's"},
        {"hf_next", "preprocessor_config.json", "crop_size", 20, Status::format, "tiles are as large as"},
        {"hf_next", "preprocessor_config.json", "size", {{"shortest_edge", 17}}, Status::format, "has size 17"},
        {"hf_next", "preprocessor_config.json", "image_processor_type", "SiglipImageProcessor", Status::unsupported,
         "expects LlavaNextImageProcessor"},
        {"original_next", "config.json", "image_grid_pinpoints", nullptr, Status::format, "is missing"},
        {"original_next", "config.json", "image_grid_pinpoints", "[(18, 36", Status::format, "its end at byte 9"},
        {"original_next", "config.json", "mm_patch_merge_type", "spatial_maxpool2x2", Status::unsupported,
         "expected flat, spatial or spatial_unpad"},
        {"original_next", "config.json", "mm_vision_select_feature", "cls_patch", Status::unsupported, "class token"},
        {"original_next", "config.json", "image_aspect_ratio", "anyres_max_9", Status::unsupported, "anyres_max_9"},
    };
    for (const auto& sample : refused) {
      CAPTURE(sample.words);
      const Changed model(sample.model, sample.key, sample.value, sample.file);
      const auto error = error_of([&] { load_bundle(model.path(), {}); });
      CAPTURE(error.message());
      CHECK(error.status() == sample.status);
      CHECK(error.message().find(sample.words) != std::string::npos);
    }
  }

  TEST_CASE("the original resizes tiles bicubically, whatever filter the tower's own file names") {
    const Changed model("original_next", "architectures", Tree::array());
    const auto file = model.tower() + "/preprocessor_config.json";
    auto json = Tree::parse(read_file(file, 1 << 20));
    json["resample"] = 0;
    write_file_atomically(file, json.dump());
    const auto bundle = load_bundle(model.path(), {});
    CHECK(distance(rows_of(*bundle, 0), expected_of("original_next").tensor("rows.0")) <= 1e-5);
  }

  TEST_CASE("a checkpoint without image_newline says so") {
    const Changed model("original_next", "architectures", Tree::array());
    const auto weights = open_safetensors(kGolden + "original_next/model.safetensors");
    std::vector<TensorView> kept;
    for (const auto& view : weights.all())
      if (view.name != "model.image_newline") kept.push_back(view);
    write_safetensors(model.path() + "/model.safetensors", kept);
    const auto error = error_of([&] { load_bundle(model.path(), {}); });
    CHECK(error.status() == Status::not_found);
    CHECK(error.message().find("1 tensors are missing: image_newline") != std::string::npos);
  }

  TEST_CASE("every layout is written in both, and makes the same rows by its own rule") {
    for (const auto& sample : cases())
      for (const std::string layout : {"hf", "original"}) {
        CAPTURE(sample.model);
        CAPTURE(layout);
        const TemporaryFolder folder;
        SaveOptions options;
        options.layout = layout;
        convert_checkpoint(kGolden + sample.model, folder / "out", {}, options);
        const auto before = load_bundle(kGolden + sample.model, {});
        const auto after = load_bundle(folder / "out", {});
        CHECK(after->tiling->rule == (layout == "hf" ? TileRule::hf : TileRule::original));
        CHECK((after->tiling->grids == before->tiling->grids));  // in pixels, whatever the order of the numbers
        for (int index = 0; index < 6; ++index)                  // the last one is rounded otherwise
          CHECK(at::equal(rows_of(*after, index), rows_of(*before, index)));
      }
  }

  TEST_CASE("tiles that the Hugging Face layout has no place for are not written to it") {
    const Changed model("original_next", "mm_patch_merge_type", "flat");
    const TemporaryFolder folder;
    SaveOptions options;
    options.layout = "hf";
    const auto error = error_of([&] { convert_checkpoint(model.path(), folder / "out", {}, options); });
    CHECK(error.status() == Status::unsupported);
    CHECK(error.message().find("tiles merged as flat") != std::string::npos);
    options.layout = "original";
    convert_checkpoint(model.path(), folder / "out", {}, options);
    CHECK(at::equal(rows_of(*load_bundle(folder / "out", {}), 2), rows_of(*load_bundle(model.path(), {}), 2)));
  }

  TEST_CASE("cancelling is heard between tiles") {
    const auto bundle = load_bundle(kGolden + "hf_next", {});
    const auto image = picture(3);
    CancelToken token;
    token.cancel();
    CHECK(error_of([&] { encode_rows(*bundle, {&image}, Cancel(&token)); }).status() == Status::cancelled);
  }
}
