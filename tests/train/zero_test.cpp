// ZeRO levels: what lies in shards, and when it changes hands, changes no bit of anything.
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>

#include <bit>
#include <limits>

#include "comm/counting_comm.hpp"
#include "model/splice.hpp"
#include "support/temporary_folder.hpp"
#include "support/thread_comm.hpp"
#include "train/background_save.hpp"
#include "train/current_model.hpp"
#include "train/divergence.hpp"
#include "train/snapshot.hpp"

// after everything that includes LibTorch
#include "support/doctest.hpp"

using namespace llava::core;
using namespace llava::core::testing;

namespace {

constexpr int64_t kSteps = 2, kLeaves = 5, kSilent = 3;  // a leaf with nothing to learn; rounds that are not full

const LoadPlan& plan() {
  static const auto made = plan_load(LLAVA_TEST_DATA "/golden/model/tiny", {});
  return made;
}

enum class Kind { projector, model, chain, tower_too, lora_bf16, bf16, fast, card, card_lora };

/// What a card computes in bf16, on the CPU: activations and vectors are bf16 as well. ATen's products of them are slow.
bool as_on_a_card(Kind kind) { return kind == Kind::card || kind == Kind::card_lora; }

bool has_lora(Kind kind) { return kind == Kind::lora_bf16 || kind == Kind::card_lora; }

Learners::Mask mask_of(Kind kind) {
  return [kind](std::string_view name) {
    return name.starts_with("projector.") || kind == Kind::tower_too || kind == Kind::card ||
           (kind != Kind::projector && !has_lora(kind) && !name.starts_with("vision."));
  };
}

StepRecipe recipe_of(Kind kind) {
  StepRecipe recipe;
  recipe.adamw = {1e-3, 0.9, 0.999, 1e-8, 0.01};
  recipe.projector_lr = 2e-3;
  recipe.schedule = {Schedule::Shape::constant, 12, 0};
  recipe.clip = 0.05;
  if (has_lora(kind)) {
    recipe.network.lora.rank = 4;
    recipe.network.lora.dropout = 0.25;
  }
  if (has_lora(kind) || kind == Kind::bf16 || kind == Kind::card) recipe.network.precision = Precision::bf16_store;
  if (as_on_a_card(kind)) {
    recipe.network.place.activations = at::kBFloat16;
    recipe.network.lanes = 1;
  }
  if (kind == Kind::model) recipe.recompute = {INT64_MAX, INT64_MAX};
  if (kind == Kind::chain) recipe.sum_order = SumOrder::chain;
  if (kind == Kind::tower_too) recipe.recompute = {0, 0};
  return recipe;
}

/// Three samples a leaf, in lanes of their own; leaves 1 and 4 have no picture.
std::vector<TrainingSample> samples_of(int64_t step) {
  std::vector<TrainingSample> samples(3 * kLeaves);
  for (int64_t i = 0; i < 3 * kLeaves; ++i) {
    auto& sample = samples[static_cast<size_t>(i)];
    for (int64_t k = 0; k < 6 + i % 7; ++k) {
      sample.ids.push_back(3 + (step * 31 + i * 7 + k * 5) % 250);
      sample.learned.push_back(k > 3 && i / 3 != kSilent);
    }
    if (i / 3 % 3 == 1 || i % 2) continue;  // words alone
    sample.ids[1] = kImagePlace;
    sample.pixels.push_back(at::full({3, 42, 42}, 0.1 * static_cast<double>(step % 5 + i)));
  }
  return samples;
}

std::vector<Leaf> leaves_of(const std::vector<TrainingSample>& samples, const Ranks& ranks) {
  std::vector<Leaf> leaves(kLeaves);
  for (int64_t i = ranks.rank(); i < kLeaves; i += ranks.count())
    for (int64_t k = 0; k < 3; ++k) leaves[static_cast<size_t>(i)].push_back(&samples[static_cast<size_t>(3 * i + k)]);
  return leaves;
}

std::string bits(double value) { return cat(std::bit_cast<uint64_t>(value), ' '); }

Stepper stepper_of(Kind kind, const Ranks& ranks) { return {plan(), mask_of(kind), recipe_of(kind), {}, ranks}; }

std::string steps(Stepper& stepper, int64_t until) {
  std::string text;
  while (stepper.state().steps_done < until) {
    const auto samples = samples_of(stepper.state().steps_done);
    const auto report = stepper.step(leaves_of(samples, stepper.ranks()), {});
    CHECK(report.clipped);
    text += bits(report.loss) + bits(report.gradient_norm);
  }
  return text;
}

/// Losses and norms, an evaluation, and the hash of the parameters.
std::string run(Kind kind, const Ranks& ranks) {
  auto stepper = stepper_of(kind, ranks);
  auto text = steps(stepper, kSteps);
  const auto samples = samples_of(99);
  text += bits(stepper.evaluate(leaves_of(samples, ranks), {}));
  double alone = 0;
  stepper.network().lend([&] {
    const std::vector<const TrainingSample*> leaf = {&samples[0], &samples[1]};
    const auto& config = stepper.network().config();
    const auto parts =
        make_micro_batches(leaf, config.language.vocabulary, config.tokens_per_image(), 0, stepper.network().lanes());
    alone = stepper.network().loss(parts, 1, {});
  });
  if (ranks.rank() == 0) CHECK(alone > 0);
  return text + parameter_hash(stepper);
}

const Json& settings() {
  static const auto made = Json::object({{"seed", 1}});
  return made;
}

/// From level to level on other numbers of ranks.
void goes_on(Kind kind) {
  CAPTURE(static_cast<int>(kind));
  auto straight = stepper_of(kind, {});
  const auto expected = steps(straight, 5);
  const TemporaryFolder run;
  std::string told;
  for (const auto& [size, zero, until] : {std::tuple{2, 3, 1}, {3, 0, 2}, {4, 2, 3}, {2, 1, 4}, {3, 3, 5}}) {
    const auto made = on_threads(size, [&, zero = zero, until = until](Comm* comm) {
      auto stepper = stepper_of(kind, {comm, zero});
      CHECK(resume_newest(run.path(), stepper, settings()).has_value() == (until > 1));
      const auto text = steps(stepper, until);
      if (until % 2) {
        save_snapshot(run.path(), stepper, settings(), 1);
      } else {
        BackgroundSave saving;
        saving.begin(run.path(), stepper, settings(), 1);
        saving.end(comm);
      }
      return text;
    });
    for (const auto& one : made) CHECK(one == made[0]);
    told += made[0];
  }
  CHECK(told == expected);
  save_snapshot(run.path() + "/alone", straight, settings(), 1);
  for (const std::string file : {"state.safetensors", "manifest.json"})
    CHECK(read_file(run.path() + "/checkpoints/step-00000005/" + file, 1 << 30) ==
          read_file(run.path() + "/alone/checkpoints/step-00000005/" + file, 1 << 30));
}

}  // namespace

TEST_SUITE("train/zero") {
  TEST_CASE("levels 0 to 3 on 1 to 4 ranks: the same bits, whatever learns") {
    for (const auto kind : {Kind::projector, Kind::model, Kind::chain, Kind::tower_too, Kind::lora_bf16, Kind::bf16}) {
      CAPTURE(static_cast<int>(kind));
      const auto alone = run(kind, {});
      CHECK(run(kind, {nullptr, 3}) == alone);
      for (const int64_t size : {2, 3, 4})
        for (const int64_t zero : {0, 1, 2, 3}) {
          if (kind == Kind::chain && (size + zero) % 2 == 1) continue;
          const bool all = kind == Kind::model || kind == Kind::chain || kind == Kind::bf16;
          if (!all && (size == 4 || (size == 2 && zero < 2))) continue;
          CAPTURE(size);
          CAPTURE(zero);
          for (const auto& one : on_threads(size, [&](Comm* comm) { return run(kind, {comm, zero}); }))
            CHECK(one == alone);
        }
    }
  }

  TEST_CASE("levels 0 to 3 with activations in bf16, as on a card: the same bits") {
    for (const auto kind : {Kind::card, Kind::card_lora}) {
      CAPTURE(static_cast<int>(kind));
      const auto alone = run(kind, {});
      for (const int64_t zero : {0, 1, 2, 3}) {
        if (kind == Kind::card_lora && zero < 2) continue;
        CAPTURE(zero);
        for (const auto& one : on_threads(2, [&](Comm* comm) { return run(kind, {comm, zero}); })) CHECK(one == alone);
      }
    }
  }

  TEST_CASE("what a rank holds is its share, with bf16 four bytes a value and two of them where moments are") {
    const auto whole = stepper_of(Kind::model, {}).network().learners().length();
    for (const auto kind : {Kind::model, Kind::bf16})
      for (const int64_t zero : {0, 1, 2, 3}) {
        CAPTURE(zero);
        const auto held = on_threads(2, [&](Comm* comm) {
          auto stepper = stepper_of(kind, {comm, zero});
          auto& learners = stepper.network().learners();
          const auto part = [&](const at::Tensor& flat) {  // bytes of it for two parameters
            return flat.defined() ? cat(2 * static_cast<int64_t>(flat.nbytes()) / learners.length(), ' ') : "none ";
          };
          return part(stepper.state().first_moment) + part(learners.gradient()) + part(learners.values()) +
                 part(learners.remainders());
        });
        const char* const expected[][4] = {{"8 8 8 none ", "4 8 8 none ", "4 none 8 none ", "4 none 4 none "},
                                           {"8 8 4 4 ", "4 8 4 2 ", "4 none 4 2 ", "4 none 2 2 "}};
        for (const auto& one : held) CHECK(one == expected[kind == Kind::bf16][zero]);
      }
    CHECK(whole % kNormBlock == 0);
  }

  TEST_CASE("fast sums are near at every level") {
    const auto norm = [](Stepper& stepper) {
      double sum = 0;
      for (const auto& learner : stepper.network().learners().all())
        if (learner.learns()) sum += sum_of_squares(stepper.network().value(learner).reshape({-1}));
      return sum;
    };
    auto exact = stepper_of(Kind::model, {});
    steps(exact, kSteps);
    for (const int64_t zero : {0, 1, 2, 3}) {
      const auto said = on_threads(3, [&](Comm* comm) {
        auto stepper = stepper_of(Kind::fast, {comm, zero, false});
        steps(stepper, kSteps);
        CHECK(norm(stepper) == doctest::Approx(norm(exact)).epsilon(1e-6));
        return std::string("done");
      });
      for (const auto& words : said) CHECK(words == "done");  // else what was thrown
    }
  }

  TEST_CASE("a run goes on with another level on another number of ranks; the file is the same") {
    for (const auto kind : {Kind::model, Kind::bf16}) goes_on(kind);
  }

  TEST_CASE("bytes and calls are those of the table, and the same for a leaf without pictures or without words") {
    const auto samples = samples_of(0);
    for (const auto& [kind, zero] : {std::pair<Kind, int64_t>{Kind::tower_too, 1},
                                     {Kind::tower_too, 2},
                                     {Kind::tower_too, 3},
                                     {Kind::bf16, 1},
                                     {Kind::bf16, 3}}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(zero);
      const int64_t value_bytes = kind == Kind::bf16 ? 2 : 4;
      std::vector<CountingComm::Call> expected;
      for (const size_t first : {0, 3, 9}) {  // pictures, words alone, nothing to learn
        CountingComm comm(1, 4);
        auto stepper = stepper_of(kind, {&comm, zero});
        std::vector<Leaf> leaves(8);  // two rounds; this rank has the second leaf of each
        for (size_t k = 0; k < 3; ++k) leaves[1].push_back(&samples[first + k]), leaves[5].push_back(&samples[k]);
        stepper.step(leaves, {});
        const auto& learners = stepper.network().learners();
        const auto& units = learners.units();
        const auto whole = learners.length();
        const auto layers = static_cast<size_t>(stepper.network().config().language.layers);
        const auto once = units.back().length + units[units.size() - 2 - layers].length;  // head and table
        const auto fetched = zero == 3 ? 2 * whole - once : 0;
        const auto gathered = zero == 3 ? 0 : whole;  // after the update
        const auto blocks = whole / kNormBlock * 8;
        CHECK(comm.sent_bytes() == (4 * 2 * whole + value_bytes * (2 * fetched + gathered) + blocks) / 4 * 3);
        if (expected.empty()) expected = comm.calls();
        CHECK((comm.calls() == expected));
      }
    }
  }

  TEST_CASE("a number that is not finite is found, and where it is, at every level") {
    for (const int64_t zero : {0, 2, 3}) {
      CAPTURE(zero);
      const auto words = on_threads(2, [&](Comm* comm) {
        const Ranks ranks{comm, zero};
        auto stepper = stepper_of(Kind::model, ranks);
        auto samples = samples_of(0);
        samples[0].pixels[0] = at::full({3, 42, 42}, std::numeric_limits<float>::quiet_NaN());
        const auto before = parameter_hash(stepper);
        std::string text;
        try {
          stepper.step(leaves_of(samples, ranks), {});
        } catch (const Error& error) {
          text = cat(static_cast<int>(error.status()));
        }
        CHECK(parameter_hash(stepper) == before);
        std::vector<std::vector<int64_t>> records(kLeaves, {7});
        text += what_diverged(stepper, leaves_of(samples, ranks), records, {});
        stepper.pass_over();
        return text + cat(' ', steps(stepper, 2).size() > 10);
      });
      CHECK(words[0] == "20micro-batch 1 (records 8) has pixels that are not finite true");
      CHECK(words[1] == "20 true");
    }
  }

  TEST_CASE("the first rank alone computes with what lies in shards, and its errors are everybody's") {
    const auto words = on_threads(3, [&](Comm* comm) {
      auto stepper = stepper_of(Kind::bf16, {comm, 3});
      auto& network = stepper.network();
      const auto& learner = network.learners().all()[3];
      auto whole = network.value(learner);
      network.lend([&] { CHECK(network.value(learner).equal(whole)); });
      try {
        network.lend([&] { throw Error(Status::io, "the disk is full"); });
      } catch (const Error& error) {
        return cat(error.message(), ' ', steps(stepper, 1).size() > 10);  // and on it goes
      }
      return std::string("nothing was thrown");
    });
    CHECK(words[0] == "the disk is full true");
    CHECK(words[2] == "rank 0: the disk is full true");
  }

  TEST_CASE("the first rank alone runs out of memory: every rank says so, and the run can go on") {
    for (const bool of_torch : {false, true}) {
      CAPTURE(of_torch);
      const auto words = on_threads(3, [&](Comm* comm) {
        auto stepper = stepper_of(Kind::model, {comm, 3});
        auto& network = stepper.network();
        try {
          network.lend([&] {
            network.value(network.learners().all()[3]);
            if (of_torch) at::empty({int64_t{1} << 50}, at::kByte);
            throw std::bad_alloc();
          });
        } catch (const Error& error) {
          return cat(error.status() == Status::out_of_memory, ' ', error.message(), ' ', steps(stepper, 1).size() > 10);
        }
        return std::string("nothing was thrown");
      });
      for (size_t rank = 0; rank < 3; ++rank) {
        CAPTURE(words[rank]);
        CHECK(words[rank].starts_with(rank == 0 ? "true " : "true rank 0: "));
        CHECK(words[rank].ends_with(" true"));
        CHECK((words[rank].find("DefaultCPUAllocator") != std::string::npos) == of_torch);
      }
    }
  }
}
