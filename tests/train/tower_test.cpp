// A vision tower that learns, against torch (tests/golden/training/make_lora_and_tower.py); what masks may take of it.
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>

#include "train/support.hpp"

using namespace llava::core;
using namespace train_test;

namespace {

StepRecipe recipe_of_all() {
  StepRecipe recipe;
  recipe.adamw.lr = 5e-4;
  recipe.vision_lr = 2e-4;
  recipe.schedule = {Schedule::Shape::cosine, kSteps, 2};
  return recipe;
}

/// Of the map whose bias this is, as published.
std::string map_weight(std::string bias) {
  bias.resize(bias.size() - std::string_view("bias").size());
  return published_name(bias + "weight", "hf", 2);
}

bool everything(std::string_view) { return true; }

}  // namespace

TEST_SUITE("train/tower") {
  TEST_CASE("ten losses and every gradient of the tower's first step are torch's") {
    const Golden golden(kGolden + "tiny_tower.safetensors");
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    for (const auto recompute : {Recompute::cheap, Recompute::full}) {
      const c10::InferenceMode no_gradients;
      Network network(plan, everything, {});
      const auto flat = first_gradient(network, samples, [&](MicroBatch& batch) { batch.recompute = recompute; });
      int compared = 0;
      double worst = 0;
      for (const auto& learner : network.learners().all()) {
        if (!learner.name.starts_with("vision.")) continue;
        CAPTURE(learner.name);
        const auto wanted = golden.tensor("gradient." + published_name(learner.name, "hf", 2));
        const auto ours = flat.narrow(0, learner.begin, wanted.numel()).view(wanted.sizes());
        // what a bias gets is a sum over all patches that all but cancels in queries and cancels in keys (it moves all
        // scores of a query alike): it is measured by what its map gets
        double largest = wanted.abs().max().item<double>();
        if (learner.name.ends_with("_proj.bias"))
          largest = std::max(largest, golden.tensor("gradient." + map_weight(learner.name)).abs().max().item<double>());
        const double far = (ours - wanted).abs().max().item<double>() / largest;
        worst = std::max(worst, far);
        CHECK(far <= 1e-5);
        ++compared;
      }
      CHECK(compared == 5 + 2 * 16);
      MESSAGE("tower: gradients differ by " << worst);
    }
    Stepper stepper(plan, everything, recipe_of_all(), {});
    const double worst = losses_differ(stepper, samples, golden.tensor("losses"));
    MESSAGE("tower: losses differ by " << worst);
    CHECK(worst <= 1e-5);
  }

  TEST_CASE("any part of the tower may learn: its gradient is that of the whole") {
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    const c10::InferenceMode no_gradients;
    Network whole(plan, everything, {});
    const auto all = first_gradient(whole, samples);
    const std::vector<std::string> parts = {"vision.encoder.layers.1.", "vision.encoder.layers.0.mlp.fc2.bias",
                                            "vision.pre_layrnorm.weight", "vision.embeddings.class_embedding",
                                            "vision.embeddings.patch_embedding.weight"};
    for (const auto& part : parts) {
      CAPTURE(part);
      Network some(plan, [&](std::string_view name) { return name.starts_with(part); }, {});
      const auto found = first_gradient(some, samples);
      for (size_t i = 0; i < some.learners().all().size(); ++i) {
        const auto &one = some.learners().all()[i], &same = whole.learners().all()[i];
        REQUIRE(one.name == same.name);
        if (!one.learns()) continue;
        CHECK(found.narrow(0, one.begin, one.value.numel()).equal(all.narrow(0, same.begin, one.value.numel())));
      }
    }
  }

  TEST_CASE("blocks behind the features do not learn, and do not make the tower learn") {
    const auto plan = plan_load(kTiny, {});
    const auto behind = [](std::string_view name) {
      return name.starts_with("vision.encoder.layers.2.") || name.starts_with("vision.post_layernorm.") ||
             name.starts_with("projector.");
    };
    const Network network(plan, behind, {});
    for (const auto& learner : network.learners().all()) CHECK_FALSE(learner.name.starts_with("vision."));
  }
}
