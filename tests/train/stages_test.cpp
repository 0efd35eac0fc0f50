// The table of recipes against the published figures, and what a mask takes in.
#include "train/stages.hpp"

#include "base/error.hpp"
#include "support/doctest.hpp"
#include "train/schedule.hpp"

using namespace llava::core;

TEST_SUITE("train/stages") {
  TEST_CASE("the steps of the published runs") {
    const auto steps = [](const char* name, int64_t stage, int64_t samples) {
      const auto& row = stage_preset(name, stage);
      return (samples + row.batch - 1) / row.batch * row.epochs;
    };
    CHECK(steps("llava-1.5", 1, 558128) == 2181);
    CHECK(steps("llava-1.5", 2, 665298) == 5198);
    CHECK(steps("llava-v0", 2, 157712) == 14787);
    CHECK(steps("scienceqa", 2, 12726) == 4776);
    CHECK(stage_preset("llava-v0", 1).lr == 2e-3);
    for (const auto& row : stage_presets()) CHECK(row.batch % row.micro_batch == 0);
  }

  TEST_CASE("a preset that is not there is told with those that are") {
    const auto error = error_of([] { stage_preset("llava-2", 1); });
    CHECK(error.status() == Status::not_found);
    CHECK(error.message().starts_with("no preset \"llava-2\" of stage 1; there are llava-1.5 stage 1, "));
  }

  TEST_CASE("masks fit whole names") {
    const auto second = mask_of(std::string(stage_preset("llava-1.5", 2).learns));
    CHECK(second("projector.linear_1.weight"));
    CHECK(second("language.layers.0.mlp.up_proj.weight"));
    CHECK(second("lm_head.weight"));
    CHECK_FALSE(second("vision.embeddings.class_embedding"));
    const auto first = mask_of(std::string(stage_preset("llava-1.5", 1).learns));
    CHECK(first("projector.linear_2.bias"));
    CHECK_FALSE(first("language.norm.weight"));
    const auto layers = mask_of(R"(language\.layers\.(3[01]|2\d)\..*)");
    CHECK(layers("language.layers.31.mlp.gate_proj.weight"));
    CHECK_FALSE(layers("language.layers.3.mlp.gate_proj.weight"));
    CHECK(error_of([] { mask_of("("); }).status() == Status::argument);
    CHECK(error_of([] { mask_of(std::string(5000, 'a')); }).status() == Status::argument);
  }
}
