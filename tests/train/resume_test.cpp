// A run of twenty steps that stops after any of them: whoever goes on, with whatever changes no bit, comes to the losses and the
// parameters of the run that did not stop.
#include <ATen/ops/full.h>

#include <bit>
#include <cstdlib>

#include "model/splice.hpp"
#include "support/thread_comm.hpp"
#include "train/snapshot.hpp"

#include "run_support.hpp"

using namespace run_test;
using namespace llava::core::testing;

namespace {

constexpr int64_t kSteps = 20;

bool is_full() { return std::getenv("LLAVA_FULL") != nullptr; }

std::string snapshot_after(const RunSettings& settings, int64_t step) {
  const auto digits = cat(step);
  return settings.out + "/checkpoints/step-" + std::string(8 - digits.size(), '0') + digits;
}

// Recompute policies in turn; limits are rows of a micro-batch.
RecomputeLimits recompute_of(int64_t number) {
  constexpr int64_t kAll = INT64_MAX;
  return number % 3 == 0   ? RecomputeLimits{0, 0}
         : number % 3 == 1 ? RecomputeLimits{kAll, kAll}
                           : RecomputeLimits{0, kAll};
}

/// Steps without a loader: data are a function of the step.
class Ranked {
 public:
  explicit Ranked(const Ranks& ranks, int64_t policy = 0)
      : ranks_(ranks),
        stepper_(
            plan(), [](std::string_view name) { return !name.starts_with("vision."); }, recipe(policy), {}, ranks) {}

  Stepper& stepper() { return stepper_; }

  /// Bits of losses and norms, and at the end the hash of the parameters.
  std::string train_to(int64_t last) {
    std::string text;
    while (stepper_.state().steps_done < last) text += step();
    return text + parameter_hash(stepper_);
  }

  std::string step() {
    constexpr int64_t kLeaves = 3;
    const auto step = stepper_.state().steps_done;
    std::vector<TrainingSample> samples(kLeaves);
    std::vector<Leaf> leaves(kLeaves);
    for (int64_t i = 0; i < kLeaves; ++i) {
      auto& sample = samples[static_cast<size_t>(i)];
      for (int64_t k = 0; k < 6 + i; ++k) {
        sample.ids.push_back(3 + (step * 31 + i * 7 + k * 5) % 250);
        sample.learned.push_back(k > 2);
      }
      sample.ids[1] = kImagePlace;
      sample.pixels.push_back(at::full({3, 42, 42}, 0.1 * static_cast<double>(step % 5 + i)));
      if (i % ranks_.count() == ranks_.rank()) leaves[static_cast<size_t>(i)].push_back(&sample);
    }
    const auto report = stepper_.step(leaves, {});
    return cat(std::bit_cast<uint64_t>(report.loss), ' ', std::bit_cast<uint64_t>(report.gradient_norm), '\n');
  }

 private:
  static const LoadPlan& plan() {
    static const auto made = plan_load(kTiny, {});
    return made;
  }
  static StepRecipe recipe(int64_t policy) {
    StepRecipe recipe;
    recipe.adamw = {1e-3, 0.9, 0.999, 1e-8, 0.01};
    recipe.schedule = {Schedule::Shape::cosine, kSteps, 2};
    recipe.clip = 0.5;
    recipe.recompute = recompute_of(policy);
    return recipe;
  }

  Ranks ranks_;
  Stepper stepper_;
};

const Json& settings_of_ranks() {
  static const auto made = Json::object({{"seed", 1}});
  return made;
}

}  // namespace

// In the default tier a process makes one step and the next goes on: twenty of them, each with other neutral settings. With
// LLAVA_FULL=1 the rest of the run besides, from the snapshot of each step.
TEST_SUITE("train/resume") {
  TEST_CASE("after every step of twenty, with another recompute policy and other loader threads") {
    const Bench bench;
    auto whole = bench.settings("whole");
    whole.batch = whole.micro_batch = 2;
    whole.epochs = 4;
    whole.save_every = 1;
    whole.keep = kSteps;
    const auto expected = run(whole);
    REQUIRE(expected.size() == kSteps);
    auto parts = whole;
    parts.out += "-in-parts";
    parts.keep = 1;
    std::vector<double> losses;
    for (int64_t step = 0; step < kSteps; ++step) {
      parts.recompute = recompute_of(step);
      parts.loader_threads = 1 + step % 3;
      const auto one = run(parts, 1);
      losses.insert(losses.end(), one.begin(), one.end());
    }
    CHECK(losses == expected);
    CHECK(weights_of(parts.out) == weights_of(whole.out));
    for (int64_t cut = 1; is_full() && cut < kSteps; ++cut) {
      CAPTURE(cut);
      auto rest = whole;
      rest.out = cat(whole.out, "-after-", cut);
      rest.resume = snapshot_after(whole, cut);
      rest.save_every = 0;
      rest.recompute = recompute_of(cut);
      CHECK(run(rest) == std::vector(expected.begin() + cut, expected.end()));
      CHECK(weights_of(rest.out) == weights_of(whole.out));
    }
  }

  TEST_CASE(
      "each of twenty steps by another number of ranks at another ZeRO level, from the snapshot of the one before") {
    Ranked whole({});
    const auto expected = whole.train_to(kSteps);
    const TemporaryFolder folder;
    std::string told;
    for (int64_t step = 1; step <= kSteps; ++step) {
      const auto made = on_threads(1 + step % 3, [&](Comm* comm) {
        Ranked one({comm, (step + step / 4) % 4}, step);
        if (step > 1) CHECK(resume_newest(folder.path(), one.stepper(), settings_of_ranks()).has_value());
        const auto text = one.step();
        save_snapshot(folder.path(), one.stepper(), settings_of_ranks(), 1);
        return step < kSteps ? text : text + parameter_hash(one.stepper());
      });
      for (const auto& one : made) CHECK(one == made[0]);
      told += made[0];
    }
    CHECK(told == expected);
  }

  TEST_CASE("the rest of twenty steps, from any of them, on another number of ranks at another ZeRO level") {
    if (!is_full()) return;
    Ranked whole({});
    std::vector<std::string> expected;  // of each step
    for (int64_t step = 0; step < kSteps; ++step) expected.push_back(whole.step());
    const auto hash = parameter_hash(whole.stepper());
    const TemporaryFolder folder;
    Ranked writer({});
    for (int64_t cut = 1; cut < kSteps; ++cut) {
      CAPTURE(cut);
      writer.step();
      save_snapshot(folder.path(), writer.stepper(), settings_of_ranks(), 1);
      std::string rest;
      for (auto step = cut; step < kSteps; ++step) rest += expected[static_cast<size_t>(step)];
      const auto made = on_threads(1 + cut % 3, [&](Comm* comm) {
        Ranked other({comm, cut % 4}, cut);
        CHECK(resume_newest(folder.path(), other.stepper(), settings_of_ranks()).has_value());
        return other.train_to(kSteps);
      });
      for (const auto& one : made) CHECK(one == rest + hash);
    }
  }
}
