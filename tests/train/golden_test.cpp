// Training against transformers and torch's AdamW (tests/golden/training/make.py): ten losses of both stages, and every
// gradient of the first step.
#include <c10/core/InferenceMode.h>

#include "base/error.hpp"
#include "train/support.hpp"

using namespace llava::core;
using namespace train_test;

namespace {

bool learns(std::string_view name, int stage) {
  return name.starts_with("projector.") || (stage == 2 && !name.starts_with("vision."));
}

StepRecipe recipe_of(int stage) {
  StepRecipe recipe;
  recipe.adamw.lr = stage == 1 ? 2e-3 : 5e-4;
  recipe.schedule = {Schedule::Shape::cosine, kSteps, 2};
  return recipe;
}

void compare(const std::string& name, const std::string& folder) {
  const Golden golden(LLAVA_TEST_DATA "/golden/training/" + name + ".safetensors");
  const auto samples = samples_of(golden);
  const auto plan = plan_load(folder, {});
  for (const int stage : {1, 2}) {
    CAPTURE(name);
    CAPTURE(stage);
    Stepper stepper(plan, [&](std::string_view canonical) { return learns(canonical, stage); }, recipe_of(stage), {});
    const double worst = losses_differ(stepper, samples, golden.tensor(cat("stage", stage, ".losses")));
    MESSAGE(name << " stage " << stage << ": losses differ by " << worst);
    CHECK(worst <= 1e-5);
  }
}

}  // namespace

TEST_SUITE("train/golden") {
  TEST_CASE("ten losses of both stages are transformers'") {
    compare("tiny", LLAVA_TEST_DATA "/golden/model/tiny");
    compare("hf_mistral", LLAVA_TEST_DATA "/checkpoints/golden/hf_mistral");
  }

  TEST_CASE("every gradient of the first step is torch's") {
    const Golden golden(LLAVA_TEST_DATA "/golden/training/tiny.safetensors");
    const auto samples = samples_of(golden);
    const auto plan = plan_load(LLAVA_TEST_DATA "/golden/model/tiny", {});
    for (const int stage : {1, 2}) {
      CAPTURE(stage);
      const c10::InferenceMode no_gradients;
      Network network(plan, [&](std::string_view canonical) { return learns(canonical, stage); }, {});
      const auto flat = first_gradient(network, samples);
      int compared = 0;
      for (const auto& learner : network.learners().all()) {
        if (!learner.learns()) continue;
        const auto published = published_name(learner.name, "hf", network.config().projector.depth);
        CAPTURE(published);
        const auto wanted = golden.tensor(cat("stage", stage, ".gradient.", published));
        const auto ours = flat.narrow(0, learner.begin, wanted.numel()).view(wanted.sizes());
        CHECK(relative(ours, wanted) <= 1e-5);
        ++compared;
      }
      CHECK(compared == (stage == 1 ? 4 : 4 + 3 + 3 * 9));
    }
  }
}
