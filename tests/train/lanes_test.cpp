// A micro-batch in parts, side by side on threads.
#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include "model/splice.hpp"
#include "train/snapshot.hpp"
#include "train/stepper.hpp"

// after everything that includes LibTorch
#include "train/support.hpp"

namespace {

using namespace llava::core;

const std::string kScenes = LLAVA_TEST_DATA "/../models/scenes";

struct Threads {  // as many as before, at the end
  int before = at::get_num_threads();
  ~Threads() { at::set_num_threads(before); }
};

// Of all lengths; the first `silent` of them have nothing to learn.
std::vector<TrainingSample> samples_of(const ModelConfig& config, int64_t count, int64_t silent = 0) {
  std::vector<TrainingSample> samples;
  for (int64_t i = 0; i < count; ++i) {
    TrainingSample sample;
    sample.ids = {1, kImagePlace};
    for (int64_t k = 0; k < 20 + 13 * (i * 5 % count); ++k) sample.ids.push_back(3 + (i * 131 + k * k * 17) % 800);
    for (size_t k = 0; k < sample.ids.size(); ++k) sample.learned.push_back(i >= silent && k > 8);
    sample.pixels.push_back(at::randn({3, config.vision.image_size, config.vision.image_size}));
    samples.push_back(std::move(sample));
  }
  return samples;
}

Leaf leaf_of(const std::vector<TrainingSample>& samples) {
  Leaf leaf;
  for (const auto& sample : samples) leaf.push_back(&sample);
  return leaf;
}

bool language_and_projector(std::string_view name) { return !name.starts_with("vision."); }

/// What learns how: everything, in f32 and bf16, and a LoRA with dropout beside a frozen model.
struct Kind {
  const char* name;
  Learners::Mask learns;
  NetworkOptions network;
  Recompute recompute = Recompute::cheap;
};

std::vector<Kind> kinds() {
  const auto all = [](std::string_view) { return true; };
  const auto projector = [](std::string_view name) { return name.starts_with("projector."); };
  NetworkOptions bf16, lora;
  bf16.precision = Precision::bf16_store;
  lora.lora.rank = 4;
  lora.lora.dropout = 0.25;
  lora.precision = Precision::bf16_store;
  return {{"all, and the tower", all, {}, Recompute::full},
          {"bf16", language_and_projector, bf16, Recompute::keep},
          {"LoRA", projector, lora, Recompute::full}};
}

}  // namespace

TEST_SUITE("train/lanes") {
  TEST_CASE("a micro-batch is cut between samples, into parts of about as many rows") {
    const auto plan = plan_load(kScenes, {});
    const auto& config = plan.checkpoint.config;
    const auto samples = samples_of(config, 9);
    const auto leaf = leaf_of(samples);
    const auto cut = [&](const Leaf& of, int64_t parts, int64_t max_rows = 0) {
      return make_micro_batches(of, config.language.vocabulary, config.tokens_per_image(), max_rows, parts);
    };
    const auto whole = cut(leaf, 1).front();
    for (const int64_t max_rows : {int64_t{0}, int64_t{40}}) {
      const auto parts = cut(leaf, 4, max_rows);
      REQUIRE(parts.size() == 4);
      int64_t rows = 0, labels = 0, pictures = 0, most = 0, longest = 0;
      for (const auto& part : parts) {
        rows += part.rows(), labels += part.labels(), pictures += part.pictures();
        most = std::max(most, part.rows()), longest = std::max(longest, part.longest());
      }
      CHECK(pictures == 9);
      CHECK(most <= rows / 4 + longest);
      if (max_rows == 0) CHECK((rows == whole.rows() && labels == whole.labels()));
    }
    CHECK(cut({leaf[0], leaf[1]}, 4).size() == 2);
    CHECK(cut({leaf[0]}, 4).size() == 1);
    CHECK(cut({}, 4).size() == 1);
    CHECK(cut(leaf, 9).size() == 9);
  }

  TEST_CASE("the number of threads changes no bit") {
    const Threads restored;
    const auto plan = plan_load(kScenes, {});
    const auto samples = samples_of(plan.checkpoint.config, 6);
    StepRecipe recipe;
    recipe.adamw.lr = 1e-3;
    recipe.clip = 1;
    const Leaf alone = {&samples[3]};
    const auto trained = [&](int threads) {
      at::set_num_threads(threads);
      Stepper stepper(plan, language_and_projector, recipe, {});
      CHECK(stepper.network().lanes() == kLanes);
      for (int i = 0; i < 2; ++i) stepper.step(std::vector<Leaf>{leaf_of(samples), alone}, {});
      return stepper.network().learners().values().clone();
    };
    const auto one = trained(1);
    CHECK(trained(2).equal(one));
    CHECK(trained(3).equal(one));
  }

  TEST_CASE("nor does it with a LoRA, in bf16, with a tower that learns, whatever is computed twice") {
    const Threads restored;
    const auto plan = plan_load(kScenes, {});
    const auto samples = samples_of(plan.checkpoint.config, 6);
    for (const auto& kind : kinds()) {
      CAPTURE(kind.name);
      const auto trained = [&](int threads, Recompute recompute) {
        at::set_num_threads(threads);
        StepRecipe recipe;
        recipe.adamw.lr = 1e-3;
        recipe.network = kind.network;
        recipe.recompute = recompute == Recompute::full   ? RecomputeLimits{0, 0}
                           : recompute == Recompute::keep ? RecomputeLimits{INT64_MAX, INT64_MAX}
                                                          : RecomputeLimits{};
        Stepper stepper(plan, kind.learns, recipe, {});
        CHECK(stepper.network().lanes() == kLanes);
        stepper.step(std::vector<Leaf>{leaf_of(samples)}, {});
        return parameter_hash(stepper);
      };
      CHECK(trained(3, kind.recompute) == trained(1, Recompute::cheap));
    }
  }

  TEST_CASE("parts teach what the whole teaches, also where one of them has nothing to learn") {
    const c10::InferenceMode no_gradients;
    const auto plan = plan_load(kScenes, {});
    const auto samples = samples_of(plan.checkpoint.config, 6, /*silent=*/2);
    const auto leaf = leaf_of(samples);
    Network network(plan, language_and_projector, {});
    const auto& config = network.config();
    const auto cut = [&](int64_t parts) {
      return make_micro_batches(leaf, config.language.vocabulary, config.tokens_per_image(), 0, parts);
    };
    const auto whole = cut(1), parts = cut(4);
    CHECK(parts.front().labels() == 0);
    const auto loss = network.pass(whole, 0.01, {});
    const auto gradient = network.learners().gradient().clone();
    CHECK(network.pass(parts, 0.01, {}) == doctest::Approx(loss).epsilon(1e-6));
    CHECK(train_test::relative(network.learners().gradient(), gradient) <= 1e-5);
    CHECK(network.loss(parts, 0.01, {}) == doctest::Approx(loss).epsilon(1e-6));
    CHECK(network.flops(parts) == doctest::Approx(network.flops(whole)).epsilon(1e-9));
  }

  TEST_CASE("so they do with a LoRA and its dropout, in bf16, and with a tower that learns") {
    const c10::InferenceMode no_gradients;
    const auto plan = plan_load(kScenes, {});
    const auto samples = samples_of(plan.checkpoint.config, 5);
    for (const auto& kind : kinds()) {
      CAPTURE(kind.name);
      Network network(plan, kind.learns, {}, kind.network);
      const auto& config = network.config();
      const auto passed = [&](int64_t count) {
        auto parts =
            make_micro_batches(leaf_of(samples), config.language.vocabulary, config.tokens_per_image(), 0, count);
        int64_t row = 0;
        for (auto& part : parts) {
          part.draw = {3, 1, row};
          part.recompute = kind.recompute;
          row += part.rows();
        }
        const auto loss = network.pass(parts, 0.01, {});
        return std::pair(loss, network.learners().gradient().clone());
      };
      const auto [whole_loss, whole] = passed(1);
      const auto [loss, gradient] = passed(4);
      CHECK(loss == doctest::Approx(whole_loss).epsilon(1e-6));
      CHECK(train_test::relative(gradient, whole) <= 1e-5);
    }
  }

  TEST_CASE("an error in one lane is the caller's, and the network goes on") {
    const c10::InferenceMode no_gradients;
    const auto plan = plan_load(kScenes, {});
    const auto samples = samples_of(plan.checkpoint.config, 4);
    Network network(plan, language_and_projector, {});
    const auto& config = network.config();
    const auto parts =
        make_micro_batches(leaf_of(samples), config.language.vocabulary, config.tokens_per_image(), 0, 4);
    const auto loss = network.pass(parts, 0.01, {});
    CancelToken token;
    token.cancel();
    CHECK(error_of([&] { network.pass(parts, 0.01, Cancel(&token)); }).status() == Status::cancelled);
    CHECK(network.pass(parts, 0.01, {}) == loss);
  }
}
