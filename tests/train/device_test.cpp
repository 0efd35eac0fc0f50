// Training on a card, as far as it can be said without one: what a card computes, run on the CPU, gives the goldens; and
// what cannot be had is refused in words.
#include <ATen/ops/full.h>

#include "base/error.hpp"
#include "ops/cuda/launch.hpp"
#include "ops/device.hpp"
#include "ops/gradient_reference.hpp"
#include "support/card.hpp"
#include "train/run_support.hpp"
#include "train/support.hpp"

using namespace llava::core;
using namespace train_test;

namespace {

Learners::Mask mask_of_stage(int stage) {
  return [stage](std::string_view name) {
    return stage == 3 || name.starts_with("projector.") || (stage == 2 && !name.starts_with("vision."));
  };
}

// Of the goldens: stage 3 is that of the tower.
StepRecipe recipe_of(int stage, const ComputePlace& place = {}, Precision precision = Precision::f32) {
  StepRecipe recipe;
  recipe.adamw.lr = stage == 1 ? 2e-3 : 5e-4;
  if (stage == 3) recipe.vision_lr = 2e-4;
  recipe.schedule = {Schedule::Shape::cosine, kSteps, 2};
  recipe.network.place = place;
  recipe.network.precision = precision;
  recipe.network.lanes = 1;
  return recipe;
}

at::Tensor losses_of(const std::string& name, int stage) {
  if (stage == 3) return Golden(kGolden + "tiny_tower.safetensors").tensor("losses");
  return Golden(kGolden + name + ".safetensors").tensor(cat("stage", stage, ".losses"));
}

}  // namespace

TEST_SUITE("train/device") {
  TEST_CASE("what a card computes in f32 gives the goldens' losses on the CPU") {
    const ForcedReference forced;
    for (const auto& [name, folder, stage] : {std::tuple<std::string, std::string, int>{"tiny", kTiny, 1},
                                              {"tiny", kTiny, 2},
                                              {"tiny", kTiny, 3},
                                              {"hf_mistral", LLAVA_TEST_DATA "/checkpoints/golden/hf_mistral", 2}}) {
      CAPTURE(name);
      CAPTURE(stage);
      const auto samples = samples_of(Golden(kGolden + name + ".safetensors"));
      const auto plan = plan_load(folder, {});
      Stepper stepper(plan, mask_of_stage(stage), recipe_of(stage), {});
      const double worst = losses_differ(stepper, samples, losses_of(name, stage));
      MESSAGE(name << " stage " << stage << ": losses differ by " << worst);
      CHECK(worst <= 1e-5);
    }
  }

  TEST_CASE("with activations in bf16 the losses are near the goldens'") {
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    for (const int stage : {1, 2, 3}) {
      CAPTURE(stage);
      Stepper stepper(plan, mask_of_stage(stage), recipe_of(stage, {at::kCPU, at::kBFloat16}, Precision::bf16_store),
                      {});
      const double worst = losses_differ(stepper, samples, losses_of("tiny", stage));
      MESSAGE("stage " << stage << ": losses in bf16 differ by " << worst);
      CHECK(worst <= 2e-2);
    }
  }

  TEST_CASE("one lane, and a number that is read when it is asked for") {
    NetworkOptions options;
    options.place.device = at::kMeta;
    CHECK(lane_count(options, {}, 1) == 1);
    CHECK(double{LaterNumber(2.5)} == 2.5);
    CHECK(double{LaterNumber(at::full({}, 2.5, at::kDouble))} == 2.5);
  }

  TEST_CASE("four bits on a card, a card that is not there and a build without CUDA are refused") {
    const run_test::Bench bench;
    auto settings = bench.settings("out");
    settings.device = "cuda:77";
    const auto missing = error_of([&] { TrainingRun(settings, {}, {}); });
    CHECK(missing.status() == (cuda::has_cuda() ? Status::not_found : Status::unsupported));
    CHECK(missing.message().find("cuda:77") != std::string::npos);
    CHECK_FALSE(file_exists(settings.out + "/run.json"));
    settings.lora.rank = 4;
    settings.nf4_base = true;
    const auto four = error_of([&] { check_settings(settings); });
    CHECK(four.status() == Status::unsupported);
    CHECK(four.message().find("on the CPU alone") != std::string::npos);
    settings = bench.settings("out");
    settings.device = "tpu";
    CHECK(error_of([&] { check_settings(settings); }).status() == Status::argument);
  }
}

TEST_SUITE("train/card") {
  TEST_CASE("ten losses of every stage on a card are the goldens'") {
    if (!has_card()) return;
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    const c10::Device card(c10::kCUDA, 0);
    for (const int stage : {1, 2, 3})
      for (const auto type : {at::kFloat, at::kBFloat16}) {
        CAPTURE(stage);
        CAPTURE(type);
        const auto precision = type == at::kFloat ? Precision::f32 : Precision::bf16_store;
        Stepper stepper(plan, mask_of_stage(stage), recipe_of(stage, {card, type}, precision), {});
        const double worst = losses_differ(stepper, samples, losses_of("tiny", stage));
        MESSAGE("stage " << stage << " on a card: losses differ by " << worst);
        CHECK(worst <= (type == at::kFloat ? 1e-4 : 2e-2));
      }
  }
}
