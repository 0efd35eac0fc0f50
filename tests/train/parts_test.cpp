// The pieces of a step: schedules as transformers writes them, the fixed sum, rows of a micro-batch, refusals.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include "base/error.hpp"
#include "model/splice.hpp"
#include "support/doctest.hpp"
#include "train/stepper.hpp"

using namespace llava::core;

namespace {

const std::string kTiny = LLAVA_TEST_DATA "/golden/model/tiny";

/// Row i is said after row i - 1; a picture stands at place `picture`, -1 = none.
TrainingSample sample_of(int64_t length, int64_t picture = -1) {
  TrainingSample sample;
  for (int64_t i = 0; i < length; ++i) {
    sample.ids.push_back(i == picture ? kImagePlace : 3 + i % 200);
    sample.learned.push_back(i > length / 2 && i != picture);
  }
  if (picture >= 0) sample.pixels.push_back(at::zeros({3, 42, 42}));
  return sample;
}

bool projector_alone(std::string_view name) { return name.starts_with("projector."); }
bool everything(std::string_view name) { return !name.starts_with("vision."); }

std::vector<int64_t> list(const at::Tensor& values) {
  return {values.const_data_ptr<int64_t>(), values.const_data_ptr<int64_t>() + values.numel()};
}

at::Tensor chain_of(std::span<const at::Tensor> leaves) {
  auto sum = leaves[0];
  for (const auto& leaf : leaves.subspan(1)) sum = sum + leaf;
  return sum;
}

/// The largest power of two of them as a balanced tree, and the rest beside it.
at::Tensor tree_of(std::span<const at::Tensor> leaves) {
  if (leaves.size() == 1) return leaves[0];
  const auto whole = std::bit_floor(leaves.size());
  const auto first = whole == leaves.size() ? whole / 2 : whole;
  return tree_of(leaves.first(first)) + tree_of(leaves.subspan(first));
}

}  // namespace

TEST_SUITE("train/parts") {
  TEST_CASE("schedules: warm-up from zero, then down to zero") {
    const Schedule cosine{Schedule::Shape::cosine, 10, 2};
    CHECK(cosine.factor(0) == 0);
    CHECK(cosine.factor(1) == 0.5);
    CHECK(cosine.factor(2) == 1);
    CHECK(cosine.factor(6) == doctest::Approx(0.5));
    CHECK(cosine.factor(10) == doctest::Approx(0).epsilon(1e-12));
    const Schedule linear{Schedule::Shape::linear, 10, 2};
    CHECK(linear.factor(6) == 0.5);
    CHECK(linear.factor(12) == 0);
    const Schedule constant{Schedule::Shape::constant, 10, 0};
    CHECK(constant.factor(0) == 1);
    CHECK(constant.factor(9) == 1);
    CHECK(warmup_steps(0.03, 5198) == 156);  // LLaVA-1.5 stage 2
    CHECK(warmup_steps(0.03, 2181) == 66);   // stage 1
    CHECK(error_of([] { schedule_named("cosign"); }).message() ==
          "the schedule is \"cosign\", expected cosine, linear, constant or wsd");
  }

  TEST_CASE("warm-up, stable, decay: up in a line, the peak, and in a line down to zero") {
    const auto wsd = [](int64_t steps, int64_t warmup, double ratio) {
      return Schedule{schedule_named("wsd"), steps, warmup, decay_steps(ratio, steps, warmup)};
    };
    const auto schedule = wsd(40, 4, 0.25);
    CHECK(schedule.decay_steps == 10);
    for (int64_t step = 0; step <= 45; ++step) {
      CAPTURE(step);
      const double up = static_cast<double>(step) / 4, down = static_cast<double>(40 - step) / 10;
      CHECK(schedule.factor(step) == (step < 4 ? up : step < 30 ? 1 : step < 40 ? down : 0));
    }
    CHECK(wsd(39, 0, kDecayRatio).factor(35) == 1);  // four of 39
    CHECK(wsd(39, 0, kDecayRatio).factor(36) == 0.75);
    CHECK(wsd(10, 6, 1).factor(6) == 1);  // all that the warm-up leaves
    CHECK(wsd(10, 6, 1).factor(7) == 0.75);
    CHECK(wsd(10, 0, 0).factor(9) == 1);
    CHECK(decay_steps(1, 10, 12) == 0);
  }

  TEST_CASE("the sum of gradients is the expression that its order names, whatever their number, in as few buffers") {
    std::vector<at::Tensor> leaves;
    for (int64_t count = 1; count <= 20; ++count) {
      CAPTURE(count);
      leaves.push_back(at::randn({999}));
      for (const auto order : {SumOrder::tree, SumOrder::chain}) {
        GradientSum sum(order);
        int64_t buffers = 0;
        const auto kept = leaves.back().clone();
        for (const auto& leaf : leaves) {
          if (sum.wants_buffer()) sum.give(at::empty({999})), ++buffers;
          sum.push(leaf);
        }
        CHECK(sum.take().equal(order == SumOrder::tree ? tree_of(leaves) : chain_of(leaves)));
        CHECK(leaves.back().equal(kept));
        CHECK(buffers == GradientSum::most_buffers(order, count));
        CHECK_FALSE(sum.take().defined());
      }
    }
    CHECK_FALSE(tree_of(leaves).equal(chain_of(leaves)));
    const int64_t in_a_tree[] = {1, 1, 2, 2, 2, 2, 3, 3};
    for (int64_t count = 1; count <= 8; ++count)
      CHECK(GradientSum::most_buffers(SumOrder::tree, count) == in_a_tree[count - 1]);
  }

  TEST_CASE("rows of a micro-batch: pictures in their places, targets one row before, samples cut") {
    const auto words = sample_of(6), picture = sample_of(5, 1);
    const auto batch = make_micro_batch({&words, &picture}, 306, 9, 0);
    CHECK(batch.starts == std::vector<int64_t>{0, 6, 6 + 13});
    CHECK(list(batch.target_rows) == std::vector<int64_t>{3, 4, 6 + 10, 6 + 11});
    CHECK(list(batch.targets) == std::vector<int64_t>{7, 8, 6, 7});
    CHECK(list(batch.image_rows).front() == 7);
    CHECK(list(batch.image_sources).back() == 8);
    CHECK(batch.longest() == 13);
    const auto cut = make_micro_batch({&words, &picture}, 306, 9, 5);
    CHECK(cut.starts == std::vector<int64_t>{0, 5, 10});
    CHECK(list(cut.targets) == std::vector<int64_t>{7});
    CHECK(cut.image_rows.size(0) == 4);
  }

  TEST_CASE("samples that cannot be are refused") {
    auto sample = sample_of(4);
    sample.ids[2] = 306;
    CHECK(error_of([&] { make_micro_batch({&sample}, 306, 9, 0); }).message() ==
          "token id 306 at position 2 is outside the vocabulary of 306");
    sample = sample_of(4, 1);
    sample.pixels.clear();
    CHECK(error_of([&] { make_micro_batch({&sample}, 306, 9, 0); }).message() ==
          "a sample has 1 image places, 0 images were given");
  }

  TEST_CASE("a step that cannot be made changes nothing") {
    const auto plan = plan_load(kTiny, {});
    Stepper stepper(plan, everything, {}, {});
    const auto before = stepper.network().learners().values().clone();
    auto sample = sample_of(6);
    std::fill(sample.learned.begin(), sample.learned.end(), 0);
    const std::vector<Leaf> silent = {{&sample}};
    CHECK(error_of([&] { stepper.step(silent, {}); }).status() == Status::argument);
    auto broken = sample_of(6, 1);
    broken.pixels[0] = at::full({3, 42, 42}, std::numeric_limits<float>::quiet_NaN());
    const std::vector<Leaf> leaves = {{&broken}};
    CHECK(error_of([&] { stepper.step(leaves, {}); }).message().starts_with("step 1: the loss is "));
    CHECK(stepper.network().learners().values().equal(before));
    CHECK(stepper.state().steps_done == 0);
  }

  TEST_CASE("a weight that is no number stops the step before anything is written, wherever it stands") {
    const auto plan = plan_load(kTiny, {});
    const auto sample = sample_of(9, 2);
    const std::vector<Leaf> leaves = {{&sample}};
    NetworkOptions lora;
    lora.lora.rank = 2;
    for (const bool with_lora : {false, true}) {
      StepRecipe recipe;
      if (with_lora) recipe.network = lora;
      Stepper stepper(plan, with_lora ? Learners::Mask(projector_alone) : Learners::Mask(everything), recipe, {});
      auto& values = stepper.network().learners().values();
      for (const auto& learner : stepper.network().learners().all()) {
        if (!learner.learns()) continue;
        CAPTURE(learner.name);
        const auto good = values.clone();
        values[learner.begin] = std::numeric_limits<float>::quiet_NaN();
        const auto poisoned = values.clone();
        if (learner.name != "language.embed_tokens.weight") {  // row 0 is no token of the sample
          CHECK(error_of([&] { stepper.step(leaves, {}); }).message().starts_with("step 1: the loss is "));
          CHECK(at::equal(values.nan_to_num(), poisoned.nan_to_num()));
        }
        values.copy_(good);
      }
      CHECK(stepper.state().steps_done == 0);
      CHECK(stepper.state().first_moment.abs().max().item<float>() == 0);
    }
  }

  TEST_CASE("a mask that fits no name is refused") {
    const auto plan = plan_load(kTiny, {});
    const auto error = error_of([&] { Stepper(plan, [](std::string_view) { return false; }, {}, {}); });
    CHECK(error.status() == Status::argument);
    CHECK(error.message() == "no parameter learns: the mask fits no name");
  }

  TEST_CASE("a model that cuts pictures is refused: its rows would be put together otherwise") {
    const auto plan = plan_load(LLAVA_TEST_DATA "/checkpoints/golden/hf_next", {});
    CHECK(error_of([&] { Stepper(plan, projector_alone, {}, {}); }).message().find("which is not trained here") !=
          std::string::npos);
  }

  TEST_CASE("one leaf of all samples and many leaves teach alike; the same leaves, to the bit") {
    const auto plan = plan_load(kTiny, {});
    const std::vector<TrainingSample> samples = {sample_of(6), sample_of(9, 2), sample_of(6, 0), sample_of(9)};
    StepRecipe recipe;
    recipe.loss_mean = LossMean::step;
    recipe.schedule = {Schedule::Shape::constant, 3, 0};
    const auto train = [&](const std::vector<Leaf>& leaves, const Learners::Mask& learns) {
      Stepper stepper(plan, learns, recipe, {});
      for (int i = 0; i < 3; ++i) stepper.step(leaves, {});
      return std::pair(stepper.evaluate(leaves, {}), stepper.network().learners().values().clone());
    };
    const std::vector<Leaf> one = {{&samples[0], &samples[1], &samples[2], &samples[3]}};
    const std::vector<Leaf> two = {{&samples[0], &samples[1]}, {&samples[2], &samples[3]}};
    for (const auto& mask : {Learners::Mask(projector_alone), Learners::Mask(everything)}) {
      const auto [loss, values] = train(one, mask);
      const auto [split_loss, split_values] = train(two, mask);
      const auto [again, again_values] = train(two, mask);
      CHECK(split_loss == doctest::Approx(loss).epsilon(1e-5));
      CHECK(again == split_loss);
      CHECK(again_values.equal(split_values));
    }
  }

  TEST_CASE("clipping bounds the norm and says so") {
    const auto plan = plan_load(kTiny, {});
    StepRecipe recipe;
    recipe.clip = 1e-3;
    Stepper stepper(plan, everything, recipe, {});
    const auto sample = sample_of(9, 2);
    const std::vector<Leaf> leaves = {{&sample}};
    const auto report = stepper.step(leaves, {});
    CHECK(report.clipped);
    CHECK(report.gradient_norm > 1e-3);
    CHECK(report.labels == 4);
    CHECK(report.rows == 8 + 9);
  }
}
