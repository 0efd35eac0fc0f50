// What a pass keeps does not change a bit of what it gives; how much memory it takes; weights rounded to bf16.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <bit>
#include <cmath>

#include "train/support.hpp"

using namespace llava::core;
using namespace train_test;

namespace {

using Masks = std::vector<std::pair<std::string, Learners::Mask>>;

const Masks& masks() {
  static const Masks all = {
      {"projector", [](std::string_view name) { return name.starts_with("projector."); }},
      {"projector and language", [](std::string_view name) { return !name.starts_with("vision."); }},
      {"everything", [](std::string_view) { return true; }},
      {"the last block", [](std::string_view name) { return name.starts_with("language.layers.2."); }},
      {"norms", [](std::string_view name) { return name.find("norm") != name.npos; }}};
  return all;
}

/// Everything that learns, side by side in f32.
at::Tensor all_values(const Network& network) {
  std::vector<at::Tensor> found;
  for (const auto& learner : network.learners().all())
    if (learner.learns()) found.push_back(network.value(learner).reshape({-1}));
  return at::cat(found);
}

/// To bf16 and back, halves away from zero.
at::Tensor nearest(const at::Tensor& values) {
  const auto flat = values.reshape({-1}).contiguous();
  const SplitMaster halves{at::empty({flat.numel()}, flat.options().dtype(at::kBFloat16)),
                           at::empty({flat.numel()}, flat.options().dtype(at::kShort))};
  split(flat, halves);
  return halves.weights.to(at::kFloat).view(values.sizes());
}

void copy_state(const Stepper& from, Stepper& to) {
  for (const auto& learner : from.network().learners().all())
    for (size_t part = 0; learner.learns() && part < 3; ++part)
      to.put(part, learner.begin, from.fetch(part, learner.begin, learner.count()));
  to.go_on(from.state().steps_done, 0, 0);
}

}  // namespace

TEST_SUITE("train/recompute") {
  // Of 0x7fffffff the rounded upper half alone would be -0, and a model with such a number would train as if nothing were.
  TEST_CASE("what is no number stays none in the halves of bf16") {
    const c10::InferenceMode no_gradients;
    StepRecipe recipe;
    recipe.network.precision = Precision::bf16_store;
    const auto plan = plan_load(kTiny, {});
    Stepper stepper(plan, masks()[0].second, recipe, {});
    const auto& all = stepper.network().learners().all();
    const auto& learner = *std::find_if(all.begin(), all.end(), [](const auto& one) { return one.learns(); });
    auto numbers = stepper.fetch(0, learner.begin, 3).clone();
    numbers.mutable_data_ptr<float>()[1] = std::bit_cast<float>(0x7fffffffu);
    stepper.put(0, learner.begin, numbers);
    const auto used = stepper.network().learners().values().narrow(0, learner.begin, 3).to(at::kFloat);
    const auto* const found = used.const_data_ptr<float>();
    CHECK(std::isnan(found[1]));
    CHECK(std::isfinite(found[0]));
    CHECK(std::isfinite(found[2]));
  }

  TEST_CASE("gradients are equal to the bit under every policy, mixed ones too, and with LoRA and dropout") {
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    const c10::InferenceMode no_gradients;
    const auto compare = [&](const Learners::Mask& mask, const NetworkOptions& options) {
      Network network(plan, mask, {}, options);
      const auto with = [&](Recompute first, Recompute second) {
        bool begun = false;
        return first_gradient(network, samples, [&](MicroBatch& batch) {
          batch.recompute = begun ? second : first;
          begun = true;
        });
      };
      const auto expected = with(Recompute::keep, Recompute::keep);
      CHECK(expected.abs().max().item<float>() > 0);
      CHECK(with(Recompute::cheap, Recompute::cheap).equal(expected));
      CHECK(with(Recompute::full, Recompute::full).equal(expected));
      CHECK(with(Recompute::keep, Recompute::full).equal(expected));
    };
    for (const auto& one : masks()) {
      CAPTURE(one.first);
      compare(one.second, {});
    }
    NetworkOptions lora;
    lora.lora.rank = 4;
    lora.lora.dropout = 0.5;
    compare(masks()[0].second, lora);
    NetworkOptions rounded;
    rounded.precision = Precision::bf16_store;
    compare(masks()[1].second, rounded);
  }

  TEST_CASE("a micro-batch's policy follows its rows") {
    const RecomputeLimits limits{100, 200};
    CHECK((limits.choose(100) == Recompute::keep));
    CHECK((limits.choose(101) == Recompute::cheap));
    CHECK((limits.choose(200) == Recompute::cheap));
    CHECK((limits.choose(201) == Recompute::full));
    CHECK((RecomputeLimits().choose(1 << 20) == Recompute::cheap));
  }

  TEST_CASE("losses of a run do not change with the policy") {
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    const auto train = [&](const RecomputeLimits& limits) {
      StepRecipe recipe;
      recipe.adamw.lr = 1e-3;
      recipe.schedule = {Schedule::Shape::constant, 4, 0};
      recipe.recompute = limits;
      Stepper stepper(plan, masks()[1].second, recipe, {});
      for (int64_t step = 0; step < 4; ++step) stepper.step(leaves_of(samples, step), {});
      return stepper.network().learners().values().clone();
    };
    const auto expected = train({});
    CHECK(train({INT64_MAX, INT64_MAX}).equal(expected));
    CHECK(train({0, 0}).equal(expected));
    CHECK(train({20, 40}).equal(expected));
  }
}

TEST_SUITE("train/precision") {
  TEST_CASE("bf16-store computes with rounded weights and updates exact ones") {
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    const auto& mask = masks()[1].second;
    const c10::InferenceMode no_gradients;
    NetworkOptions options;
    options.precision = Precision::bf16_store;
    Network rounded(plan, mask, {}, options), exact(plan, mask, {});
    const auto unrounded = exact.learners().values().clone();
    CHECK(all_values(rounded).equal(all_values(exact)));
    CHECK((rounded.learners().values().scalar_type() == at::kBFloat16));
    const auto gradient = first_gradient(rounded, samples), before = first_gradient(exact, samples);
    exact.learners().values().copy_(nearest(unrounded));
    const auto expected = first_gradient(exact, samples);
    CHECK(relative(gradient, expected) <= 1e-5);  // products run over panels: another order of sums
    CHECK(relative(before, expected) > 1e-4);

    StepRecipe recipe;
    recipe.adamw.lr = 1e-5;  // less than half a unit of bf16 for most weights: only exact values take it
    recipe.schedule = {Schedule::Shape::constant, 3, 0};
    recipe.network = options;
    Stepper stepper(plan, mask, recipe, {});
    const auto at_first = all_values(stepper.network());
    for (int64_t step = 0; step < 3; ++step) stepper.step(leaves_of(samples, step), {});
    const auto& network = stepper.network();
    for (const auto& learner : network.learners().all()) {
      if (!learner.learns()) continue;
      CHECK(learner.used.to(at::kFloat).equal(nearest(network.value(learner))));
      CHECK(network.stored(learner).to(at::kFloat).equal(learner.used.to(at::kFloat)));
      if (learner.weight.defined()) CHECK((learner.weight.dtype() == at::kBFloat16));
    }
    const auto moved = (all_values(network) - at_first).abs();
    CHECK(moved.gt(0).sum().item<int64_t>() > network.learners().learning() / 2);
    Stepper other(plan, mask, recipe, {});
    copy_state(stepper, other);
    CHECK(all_values(other.network()).equal(all_values(network)));
    CHECK(other.step(leaves_of(samples, 3), {}).loss == stepper.step(leaves_of(samples, 3), {}).loss);
  }
}
