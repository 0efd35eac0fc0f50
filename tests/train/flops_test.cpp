// FLOPs of the published shapes against figures computed by hand (and published ones: 6 N for a token that teaches all).
#include "train/flops.hpp"

#include "train/support.hpp"

using namespace llava::core;

namespace {

/// LLaVA-1.5 of 7B or 13B; v0: 224 pixels, one linear map.
ModelConfig shape_of(bool large, bool v0 = false) {
  ModelConfig config;
  config.vision = {1024, 4096, 24, 16, 14, v0 ? 224 : 336, 1e-5, Activation::quick_gelu};
  config.projector.depth = v0 ? 1 : 2;
  auto& language = config.language;
  if (large)
    language.width = 5120, language.intermediate = 13824, language.layers = 40, language.heads = 40,
    language.key_value_heads = 40;
  return config;
}

bool projector_alone(std::string_view name) { return name.starts_with("projector."); }
bool all_but_tower(std::string_view name) { return !name.starts_with("vision."); }
bool everything(std::string_view) { return true; }

Work sample_of(double rows, double labels) { return {rows, rows * rows / 2, labels, 1}; }

double tera(const ModelConfig& config, const Learners::Mask& mask, const Work& work, const LoraRecipe& lora = {}) {
  return flops_of(flop_model(config, mask, lora), work) / 1e12;
}

/// To three digits.
doctest::Approx about(double value) { return doctest::Approx(value).epsilon(0.005); }

}  // namespace

TEST_SUITE("train/flops") {
  TEST_CASE("a sample of each stage, the head at every row as the published runs have it") {
    CHECK(tera(shape_of(false), projector_alone, sample_of(600, 600)) == about(16.6));
    CHECK(tera(shape_of(true), projector_alone, sample_of(600, 600)) == about(31.8));
    CHECK(tera(shape_of(false), all_but_tower, sample_of(800, 800)) == about(32.7));
    CHECK(tera(shape_of(true), all_but_tower, sample_of(800, 800)) == about(62.9));
    CHECK(tera(shape_of(false, true), projector_alone, sample_of(285, 285)) == about(7.76));
    CHECK(tera(shape_of(true, true), projector_alone, sample_of(285, 285)) == about(14.9));
    CHECK(tera(shape_of(false, true), all_but_tower, sample_of(480, 480)) == about(19.4));
    CHECK(tera(shape_of(true, true), all_but_tower, sample_of(480, 480)) == about(37.5));
  }

  TEST_CASE("the head where labels are") {
    CHECK(tera(shape_of(false), projector_alone, sample_of(600, 24)) == about(16.3));
  }

  TEST_CASE("the parts, by hand") {
    const auto small = flop_model(shape_of(false), projector_alone, {});
    const double blocks = 32.0 * (4 * 4096.0 * 4096 + 3 * 4096.0 * 11008), head = 32000.0 * 4096;
    CHECK(blocks + head == about(6.607e9));
    CHECK(small.per_row == 4 * blocks);
    CHECK(small.per_label == 4 * head);
    CHECK(small.per_pair == 12.0 * 4096 * 32);
    const double tower = 2 * (576.0 * 588 * 1024 + 577 * 23 * 12.0 * 1024 * 1024) + 23 * 4.0 * 1024 * 577 * 577;
    const double first = 1024.0 * 4096, second = 4096.0 * 4096;
    CHECK(tower / 1e12 == about(0.366));
    CHECK(small.per_picture == tower + 576 * (4 * first + 6 * second));
    const auto whole = flop_model(shape_of(false), all_but_tower, {});
    CHECK(whole.per_row == 6 * blocks);
    CHECK(whole.per_label == 6 * head);
    const auto with_tower = flop_model(shape_of(false), everything, {});
    const double pixels = 2 * 576.0 * 588 * 1024;  // nothing below them learns
    CHECK(with_tower.per_picture == 3 * tower - pixels + 576 * 6 * (first + second));
    // only attention's maps in the topmost block learn: what is below them goes forward alone
    const auto top = flop_model(
        shape_of(false), [](std::string_view name) { return name.starts_with("language.layers.31.self_attn."); }, {});
    const double square = 4096.0 * 4096, wide = 4096.0 * 11008;
    CHECK(top.per_row == 2 * blocks / 32 * 31 + 4 * 3 * square + 6 * square + 4 * 3 * wide);
    CHECK(top.per_pair == 4096.0 * (4 * 31 + 12));
    CHECK(top.per_label == 4 * head);
  }

  TEST_CASE("LoRA: four for the base, six for the thin matrices") {
    LoraRecipe lora;
    lora.rank = 128;
    const auto model = flop_model(shape_of(false), projector_alone, lora);
    const double blocks = 32.0 * (4 * 4096.0 * 4096 + 3 * 4096.0 * 11008);
    const double thin = 32.0 * 128 * (4 * 8192.0 + 3 * (4096.0 + 11008));
    CHECK(thin == about(319.8e6));
    CHECK(model.per_row == 4 * blocks + 6 * thin);
  }

  TEST_CASE("a step reports what its micro-batches come to") {
    const auto samples = train_test::samples_of(train_test::Golden(train_test::kGolden + "tiny.safetensors"));
    const auto plan = plan_load(train_test::kTiny, {});
    Stepper stepper(plan, all_but_tower, {}, {});
    const auto leaves = train_test::leaves_of(samples, 0);
    const auto report = stepper.step(leaves, {});
    double expected = 0;
    const auto model = flop_model(plan.checkpoint.config, all_but_tower, {});
    for (const auto& leaf : leaves)
      for (const auto* sample : leaf) {
        const auto pictures = static_cast<double>(sample->pixels.size());
        const double rows = static_cast<double>(sample->ids.size()) + 8 * pictures;
        double labels = 0;
        for (const auto one : sample->learned) labels += one;
        expected += flops_of(model, {rows, rows * rows / 2, labels, pictures});
      }
    CHECK(report.flops == doctest::Approx(expected));
    auto config = plan.checkpoint.config;
    config.language.window = 7;
    MicroBatch batch;
    batch.starts = {0, 5, 25};
    batch.targets = batch.targets.defined() ? batch.targets : make_micro_batch({leaves[0][0]}, 306, 9, 0).targets;
    CHECK(work_of(batch, config).pairs == 12.5 + 7 * (20 - 3.5));
  }
}
