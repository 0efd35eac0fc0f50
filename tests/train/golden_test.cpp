// Training against transformers and torch's AdamW (tests/golden/training/make.py): ten losses of both stages, and every
// gradient of the first step.
#include <c10/core/InferenceMode.h>

#include "base/error.hpp"
#include "support/doctest.hpp"
#include "support/golden.hpp"
#include "train/stepper.hpp"

using namespace llava::core;
using testing::Golden;

namespace {

constexpr size_t kLeaves = 2, kSamples = 3;  // make.py's LEAVES and SAMPLES
constexpr int64_t kSteps = 10;

std::vector<TrainingSample> samples_of(const Golden& golden) {
  const auto ids = golden.integers("ids"), learned = golden.integers("learned"), lengths = golden.integers("lengths"),
             images = golden.integers("images");
  const auto pixels = golden.tensor("pixels");
  std::vector<TrainingSample> samples;
  int64_t at = 0, picture = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    TrainingSample sample;
    for (const auto end = at + lengths[i]; at < end; ++at) {
      sample.ids.push_back(ids[static_cast<size_t>(at)]);
      sample.learned.push_back(static_cast<uint8_t>(learned[static_cast<size_t>(at)]));
    }
    for (int64_t k = 0; k < images[i]; ++k) sample.pixels.push_back(pixels[picture++]);
    samples.push_back(std::move(sample));
  }
  return samples;
}

bool learns(std::string_view name, int stage) {
  return name.starts_with("projector.") || (stage == 2 && !name.starts_with("vision."));
}

StepRecipe recipe_of(int stage) {
  StepRecipe recipe;
  recipe.adamw.lr = stage == 1 ? 2e-3 : 5e-4;
  recipe.schedule = {Schedule::Shape::cosine, kSteps, 2};
  return recipe;
}

std::vector<Leaf> leaves_of(const std::vector<TrainingSample>& samples, int64_t step) {
  std::vector<Leaf> leaves(kLeaves);
  for (size_t i = 0; i < kLeaves * kSamples; ++i)
    leaves[i / kSamples].push_back(&samples[(static_cast<size_t>(step) * kLeaves * kSamples + i) % samples.size()]);
  return leaves;
}

double relative(const at::Tensor& ours, const at::Tensor& theirs) {
  const auto largest = theirs.abs().max().item<double>();
  return largest > 0 ? ours.sub(theirs).abs().max().item<double>() / largest : ours.abs().max().item<double>();
}

void compare(const std::string& name, const std::string& folder) {
  const Golden golden(LLAVA_TEST_DATA "/golden/training/" + name + ".safetensors");
  const auto samples = samples_of(golden);
  const auto plan = plan_load(folder, {});
  for (const int stage : {1, 2}) {
    CAPTURE(name);
    CAPTURE(stage);
    Stepper stepper(plan, [&](std::string_view canonical) { return learns(canonical, stage); }, recipe_of(stage), {});
    const auto expected = golden.tensor(cat("stage", stage, ".losses"));
    double worst = 0;
    for (int64_t step = 0; step < kSteps; ++step) {
      const auto report = stepper.step(leaves_of(samples, step), {});
      const auto wanted = expected[step].item<double>();
      worst = std::max(worst, std::abs(report.loss - wanted) / wanted);
    }
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
      GradientSum sum;
      const auto leaves = leaves_of(samples, 0);
      for (const auto& leaf : leaves) {
        const auto batch =
            make_micro_batch(leaf, network.config().language.vocabulary, network.config().tokens_per_image(), 0);
        network.pass(batch, 1.0 / static_cast<double>(batch.labels() * static_cast<int64_t>(leaves.size())), {});
        sum.push(network.learners().gradient());
      }
      const auto flat = sum.take();
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
