// Training against transformers and torch's AdamW (tests/golden/training/make.py): ten losses of both stages, and every
// gradient of the first step; with weight decay and clipping, what ten steps make of the parameters; with weights in bf16.
#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <map>

#include "base/error.hpp"
#include "train/support.hpp"

using namespace llava::core;
using namespace train_test;

namespace {

bool learns(std::string_view name, int stage) {
  return name.starts_with("projector.") || (stage == 2 && !name.starts_with("vision."));
}

constexpr double kDecay = 0.5;                // make.py's DECAY
constexpr int64_t kThin = 13, kSmall = 2048;  // THIN and SMALL

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

Learners::Mask mask_of(int stage) {
  return [stage](std::string_view canonical) { return learns(canonical, stage); };
}

// The numbers of a parameter that the file has.
at::Tensor thinned(const at::Tensor& value) {
  const auto flat = value.reshape({-1}).clone();
  return flat.numel() <= kSmall ? flat : flat.slice(0, 0, std::nullopt, kThin);
}

// By the file's names.
std::map<std::string, at::Tensor> parameters_of(const Network& network) {
  std::map<std::string, at::Tensor> found;
  for (const auto& learner : network.learners().all())
    if (learner.learns())
      found.emplace(published_name(learner.name, "hf", network.config().projector.depth),
                    thinned(network.value(learner)));
  return found;
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

  // How far a parameter went is measured against how far torch's went, each as a whole: AdamW divides a gradient by its own
  // size, so where one is nearly zero the last bits of a sum decide where to that number goes, and no bound on single numbers
  // holds. Such are few, and a norm over the tensor does not see them; a decay or a clip left out moves all numbers.
  TEST_CASE("with weight decay and clipping: ten losses, norms, and where the parameters went, are torch's") {
    const Golden samples_golden(kGolden + "tiny.safetensors"), golden(kGolden + "tiny_recipes.safetensors");
    const auto samples = samples_of(samples_golden);
    const auto plan = plan_load(kTiny, {});
    for (const int stage : {1, 2}) {
      CAPTURE(stage);
      const auto wanted = [&](const std::string& name) { return golden.tensor(cat("decay.stage", stage, ".", name)); };
      auto recipe = recipe_of(stage);
      recipe.adamw.weight_decay = kDecay;
      recipe.clip = wanted("clip").item<double>();
      Stepper stepper(plan, mask_of(stage), recipe, {});
      const auto start = parameters_of(stepper.network());
      double worst_loss = 0, worst_norm = 0, worst_parameter = 0;
      const auto losses = wanted("losses"), norms = wanted("norms");
      for (int64_t step = 0; step < kSteps; ++step) {
        const auto report = stepper.step(leaves_of(samples, step), {});
        const auto loss = losses[step].item<double>(), norm = norms[step].item<double>();
        worst_loss = std::max(worst_loss, std::abs(report.loss - loss) / loss);
        worst_norm = std::max(worst_norm, std::abs(report.gradient_norm - norm) / norm);
        CHECK(report.clipped == (norm > recipe.clip));
      }
      for (const auto& [name, value] : parameters_of(stepper.network())) {
        CAPTURE(name);
        const auto theirs = wanted("after." + name);
        const auto far = value.sub(theirs).norm().item<double>() / theirs.sub(start.at(name)).norm().item<double>();
        CHECK(far <= 1e-3);
        worst_parameter = std::max(worst_parameter, far);
      }
      MESSAGE("stage " << stage << ": losses differ by " << worst_loss << ", norms by " << worst_norm
                       << ", parameters by " << worst_parameter << " of the way they went");
      CHECK(worst_loss <= 1e-5);
      CHECK(worst_norm <= 1e-5);
    }
  }

  // How near: rounding gives each of N weights an error of its own, ulp / sqrt(12) in the mean, and these together change a loss
  // by R, which the two goldens tell. Where the f32 numbers differ in their last bits, a weight near the border between two of
  // bf16's is rounded to the other one, and then it is off by an ulp: k of those change a loss by about R sqrt(12 k / N). Numbers
  // that differ by 1e-6 of themselves, where an ulp is 2^-8, make k / N 3e-4 (that a tie goes the one way or the other, 2^-16,
  // adds little to it): 0.06 R. An eighth is twice that; what is not rounded, or cut off, is off by R and more.
  TEST_CASE("with weights in bf16: ten losses of both stages are torch's with its weights rounded") {
    const Golden samples_golden(kGolden + "tiny.safetensors"), golden(kGolden + "tiny_recipes.safetensors");
    const auto samples = samples_of(samples_golden);
    const auto plan = plan_load(kTiny, {});
    for (const int stage : {1, 2}) {
      CAPTURE(stage);
      const auto wanted = golden.tensor(cat("bf16.stage", stage, ".losses"));
      const auto exact = samples_golden.tensor(cat("stage", stage, ".losses"));
      const auto rounding = exact.sub(wanted).div(wanted).abs().max().item<double>();
      auto recipe = recipe_of(stage);
      recipe.network.precision = Precision::bf16_store;
      Stepper stepper(plan, mask_of(stage), recipe, {});
      const double worst = losses_differ(stepper, samples, wanted);
      MESSAGE("stage " << stage << " in bf16: losses differ by " << worst << ", rounding comes to " << rounding);
      CHECK(worst <= rounding / 8);
    }
  }
}
