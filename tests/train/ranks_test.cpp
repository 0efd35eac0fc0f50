// The same run on 1, 2, 3 and 4 ranks, which are real processes: same parameters to the bit, same report on every rank,
// snapshots that any number of ranks goes on from, and faults on one rank that all of them hear of.
#include <ATen/ops/full.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <limits>

#include "comm/gloo_comm.hpp"
#include "model/splice.hpp"
#include "support/doctest.hpp"
#include "support/ranks.hpp"
#include "support/temporary_folder.hpp"
#include "train/background_save.hpp"
#include "train/snapshot.hpp"

using namespace llava::core;
using namespace llava::core::testing;

namespace {

constexpr int64_t kLeaves = 6, kSilent = 4;  // a leaf with nothing to learn

const LoadPlan& plan() {
  static const auto made = plan_load(LLAVA_TEST_DATA "/golden/model/tiny", {});
  return made;
}

Learners::Mask mask_of(int64_t stage) {
  return [stage](std::string_view name) {
    return name.starts_with("projector.") || (stage % 2 == 0 && !name.starts_with("vision."));
  };
}

// Stage 3 stands for LoRA with dropout in bf16: what a pass draws and rounds must not depend on who computes it either.
// Stage 4: stage 2 with its sums in a chain.
StepRecipe recipe(int64_t stage = 2) {
  StepRecipe recipe;
  recipe.adamw = {1e-3, 0.9, 0.999, 1e-8, 0.01};
  recipe.projector_lr = 2e-3;  // several ranges, cut by shards where they may be
  recipe.schedule = {Schedule::Shape::cosine, 12, 2};
  recipe.clip = 0.05;
  if (stage == 4) recipe.sum_order = SumOrder::chain;
  if (stage == 3) {
    recipe.network.lora.rank = 4;
    recipe.network.lora.dropout = 0.25;
    recipe.network.precision = Precision::bf16_store;
  }
  return recipe;
}

std::vector<TrainingSample> samples_of(int64_t step) {
  std::vector<TrainingSample> samples(kLeaves);
  for (int64_t i = 0; i < kLeaves; ++i) {
    auto& sample = samples[static_cast<size_t>(i)];
    for (int64_t k = 0; k < 6 + i; ++k) {
      sample.ids.push_back(3 + (step * 31 + i * 7 + k * 5) % 250);
      sample.learned.push_back(k > 3 && i != kSilent);
    }
    if (i % 2) continue;  // words alone
    sample.ids[1] = kImagePlace;
    sample.pixels.push_back(at::full({3, 42, 42}, 0.1 * static_cast<double>(step % 5 + i)));
  }
  return samples;
}

/// What a step of `count` leaves looks like on this rank: the others' leaves are empty.
std::vector<Leaf> leaves_of(const std::vector<TrainingSample>& samples, int64_t count, int64_t rank, int64_t ranks) {
  std::vector<Leaf> leaves(static_cast<size_t>(count));
  for (int64_t i = rank; i < count; i += ranks)
    leaves[static_cast<size_t>(i)].push_back(&samples[static_cast<size_t>(i)]);
  return leaves;
}

std::string bits(double value) { return cat(std::bit_cast<uint64_t>(value)); }

const Json& settings() {
  static const auto made = Json::object({{"seed", 1}});
  return made;
}

/// What a rank of "rank: train" is to do.
struct Job {
  int64_t stage = 2, zero = 0, steps = 3, leaves = kLeaves;
  bool fast = false;
  std::string resume, save;  // folders of runs
  Variables variables(const std::string& results) const {
    return {{"TEST_STAGE", cat(stage)},   {"TEST_ZERO", cat(zero)}, {"TEST_STEPS", cat(steps)},
            {"TEST_LEAVES", cat(leaves)}, {"TEST_FAST", cat(fast)}, {"TEST_RESUME", resume},
            {"TEST_SAVE", save},          {"TEST_RESULTS", results}};
  }
};

/// One line a step (bits of loss and norm, as text behind them), then the hash of the parameters; the same on all ranks.
std::string result_of(const Job& job, int64_t ranks) {
  const TemporaryFolder results;
  const auto run = run_ranks("rank: train", ranks, job.variables(results.path()));
  if (run.first_failure) return text_of(*run.first_failure);
  const auto first = text_of_file(results / "0");
  for (int64_t rank = 1; rank < ranks; ++rank) CHECK(text_of_file(results / cat(rank)) == first);
  CHECK_FALSE(first.empty());
  return first;
}

/// Another's, that kills this process at call number `last` of all_gather; 0 = never.
class DyingComm : public Comm {
 public:
  DyingComm(Comm& comm, int64_t last) : comm_(comm), left_(last) {}
  int64_t rank() const override { return comm_.rank(); }
  int64_t size() const override { return comm_.size(); }
  void all_gather(at::Tensor out, const at::Tensor& shard) override {
    if (left_ > 0 && --left_ == 0) ::raise(SIGKILL);
    comm_.all_gather(out, shard);
  }
  void all_to_all(at::Tensor out, const at::Tensor& in) override { comm_.all_to_all(out, in); }
  void reduce_scatter(at::Tensor shard, const at::Tensor& in) override { comm_.reduce_scatter(shard, in); }
  void all_reduce(at::Tensor values, Reduce how) override { comm_.all_reduce(values, how); }
  void broadcast(at::Tensor values, int64_t root) override { comm_.broadcast(values, root); }
  void barrier() override { comm_.barrier(); }
  void set_timeout(std::chrono::milliseconds timeout) override { comm_.set_timeout(timeout); }
  void abort(std::string_view reason) noexcept override { comm_.abort(reason); }
  void progress(std::string_view phase, Doing doing) override { comm_.progress(phase, doing); }

 private:
  Comm& comm_;
  int64_t left_;
};

std::string last_line(const std::string& text) { return text.substr(text.rfind('\n') + 1); }

}  // namespace

TEST_SUITE("train/ranks") {
  TEST_CASE("rank: train" * doctest::skip()) {
    if (!is_rank()) return;
    const auto comm = open_comm(place_from());
    const Ranks ranks{comm.get(), number("TEST_ZERO"), variable("TEST_FAST") != "true"};
    Stepper stepper(plan(), mask_of(number("TEST_STAGE")), recipe(number("TEST_STAGE")), {}, ranks);
    if (!variable("TEST_RESUME").empty())
      CHECK(resume_newest(variable("TEST_RESUME"), stepper, settings()).has_value());
    std::string text;
    while (stepper.state().steps_done < number("TEST_STEPS")) {
      const auto samples = samples_of(stepper.state().steps_done);
      const auto leaves = leaves_of(samples, number("TEST_LEAVES"), ranks.rank(), ranks.count());
      const auto report = stepper.step(leaves, {});
      CHECK(report.samples == number("TEST_LEAVES"));
      CHECK(report.clipped);
      text += cat(bits(report.loss), ' ', bits(report.gradient_norm), ' ', report.rows, ' ', report.labels, ' ',
                  report.loss, '\n');
    }
    if (!variable("TEST_SAVE").empty()) {
      BackgroundSave saving;  // with shards of moments, and without
      saving.begin(variable("TEST_SAVE"), stepper, settings(), 1);
      saving.end(comm.get());
      const auto again = variable("TEST_RESULTS") + "/again";
      save_snapshot(again, stepper, settings(), 1);  // while the others wait: the same file
      if (ranks.rank() == 0)
        for (const char* name : {"/state.safetensors", "/manifest.json"})
          CHECK(text_of_file(snapshots_of(again).back() + name) ==
                text_of_file(snapshots_of(variable("TEST_SAVE")).back() + name));
    }
    const auto samples = samples_of(99);
    text += cat(bits(stepper.evaluate(leaves_of(samples, 5, ranks.rank(), ranks.count()), {})), '\n');
    double squares = 0;
    for (const auto& learner : stepper.network().learners().all())
      if (learner.learns()) squares += sum_of_squares(stepper.network().value(learner).reshape({-1}));
    const auto norm = std::sqrt(squares);
    write_text(cat(variable("TEST_RESULTS"), "/", ranks.rank()), cat(text, norm, '\n', parameter_hash(stepper)));
  }

  TEST_CASE("1, 2, 3 and 4 ranks: the same bits, in both stages, LoRA and chain, with clipping, at every ZeRO level") {
    for (const int64_t stage : {1, 2, 3, 4}) {
      CAPTURE(stage);
      Job job;
      job.stage = stage;
      const auto alone = result_of(job, 1);
      CHECK(last_line(alone).size() == 32);
      for (const int64_t ranks : {2, 3, 4}) {
        if (stage == 4 && ranks != 3) continue;  // zero_test has the others
        CAPTURE(ranks);
        job.zero = ranks == 2 ? 0 : (stage + ranks) % 3 + 1;
        CHECK(result_of(job, ranks) == alone);
      }
    }
  }

  TEST_CASE("one leaf a rank and many: the same bits; fewer leaves than ranks") {
    Job job;
    for (const int64_t leaves : {4, 2}) {
      job.leaves = leaves;
      CHECK(result_of(job, 4) == result_of(job, 1));
    }
  }

  TEST_CASE("fast mode is near") {
    Job job;
    job.steps = 10;
    const auto exact = result_of(job, 4);
    job.fast = true;
    const auto fast = result_of(job, 4);
    CHECK(last_line(fast).size() == 32);
    std::istringstream left(exact), right(fast);
    for (int64_t line = 0; line < 12; ++line) {
      std::string a, b;
      std::getline(left, a), std::getline(right, b);
      if (line == 10) continue;  // the evaluation
      const double ours = std::stod(a.substr(a.rfind(' ') + 1)), other = std::stod(b.substr(b.rfind(' ') + 1));
      CHECK(std::abs(ours - other) <= 1e-6 * std::abs(ours));
    }
  }

  TEST_CASE("a run goes on from 4 ranks to 2 to 1 to 3 as if nothing had been") {
    Job whole;
    whole.steps = 8;
    const auto expected = result_of(whole, 1);
    const TemporaryFolder run;
    auto part = whole;
    part.save = run.path();
    std::string last;
    for (const auto& [ranks, steps, zero] : {std::tuple{4, 2, 3}, {2, 4, 0}, {1, 6, 2}, {3, 8, 1}}) {
      CAPTURE(ranks);
      part.steps = steps, part.zero = zero;
      last = result_of(part, ranks);
      CHECK(last_line(last).size() == 32);
      part.resume = run.path();
    }
    CHECK(last_line(last) == last_line(expected));
    CHECK(expected.ends_with(last));  // losses and norms of the last two steps too
  }

  TEST_CASE("rank: faults" * doctest::skip()) {
    if (!is_rank()) return;
    const auto comm = open_comm(place_from());
    const auto rank = comm->rank();
    const auto fault = variable("TEST_FAULT");
    Stepper stepper(plan(), mask_of(2), recipe(), {}, {comm.get(), 1});
    auto samples = samples_of(0);
    stepper.step(leaves_of(samples, kLeaves, rank, 3), {});
    const auto before = parameter_hash(stepper);
    const auto settings_here = fault == "settings" && rank == 1 ? Json::object({{"seed", 2}}) : settings();
    std::string words;
    try {
      if (fault == "nan") {
        auto nan = samples[0];
        nan.pixels[0] = at::full({3, 42, 42}, std::numeric_limits<float>::quiet_NaN());
        samples[0] = nan;
        stepper.step(leaves_of(samples, kLeaves, rank, 3), {});
      } else if (fault == "id") {
        samples[1].ids[2] = 5000;  // rank 1's
        stepper.step(leaves_of(samples, kLeaves, rank, 3), {});
      } else {
        const auto run = variable("TEST_RUN");
        if (fault == "disk" && rank == 0) write_text(run + "/checkpoints", "in the way");
        save_snapshot(run, stepper, settings(), 2);
        stepper.step(leaves_of(samples, kLeaves, rank, 3), {});
        save_snapshot(run, stepper, settings(), 2);
        comm->barrier();
        if (fault == "damage" && rank == 0)
          std::filesystem::resize_file(run + "/checkpoints/step-00000002/state.safetensors", 1000);
        comm->barrier();
        words = resume_newest(run, stepper, settings_here).value_or("none");
        words = words.substr(words.rfind('/') + 1);
      }
    } catch (const Error& error) {
      words = cat(static_cast<int>(error.status()), ' ', error.message());
    }
    write_text(cat(variable("TEST_RESULTS"), "/", rank),
               words + (before == parameter_hash(stepper) ? " same" : " changed"));
  }

  TEST_CASE("what goes wrong on one rank, all of them hear") {
    const auto after = [](const std::string& fault) {
      const TemporaryFolder results, run;
      const auto ended = run_ranks("rank: faults", 3,
                                   {{"TEST_FAULT", fault}, {"TEST_RESULTS", results.path()}, {"TEST_RUN", run.path()}});
      CHECK_FALSE(ended.first_failure.has_value());
      std::vector<std::string> words;
      for (int64_t rank = 0; rank < 3; ++rank) words.push_back(text_of_file(results / cat(rank)));
      return words;
    };
    const auto is = [](int status, const std::string& text) { return text.starts_with(cat(status, ' ')); };
    for (const auto& words : after("nan")) {
      CHECK(words.starts_with("20 step 2: the loss is "));
      CHECK(words.ends_with("expected finite numbers; nothing was changed same"));
    }
    const auto id = after("id");
    CHECK(id[1] == "1 token id 5000 at position 2 is outside the vocabulary of 306 same");
    for (const size_t rank : {0, 2}) {
      CHECK(is(19, id[rank]));
      CHECK(id[rank].find("rank 1 stopped: token id 5000") != std::string::npos);
    }
    const auto disk = after("disk");
    CHECK(disk[0].find("checkpoints: cannot be made") != std::string::npos);
    CHECK(disk[2].starts_with("5 rank 0: "));
    for (const auto& words : after("damage")) CHECK(words == "step-00000001 same");
    const auto other = after("settings");
    CHECK(other[1].find("made with other settings: seed is 2 now and was 1") != std::string::npos);
    CHECK(other[0].find("1 rank 1: ") == 0);
  }

  TEST_CASE("rank: dies while it fetches" * doctest::skip()) {
    if (!is_rank()) return;
    const auto comm = open_comm(place_from());
    DyingComm dying(*comm, comm->rank() == 1 ? 20 : 0);
    std::string words = "it went on";
    try {
      Stepper stepper(plan(), mask_of(2), recipe(), {}, {&dying, 3});
      for (int64_t step = 0; step < 3; ++step) stepper.step(leaves_of(samples_of(0), kLeaves, comm->rank(), 3), {});
    } catch (const Error& error) {
      words = cat(static_cast<int>(error.status()), ' ', error.message());
    }
    write_text(cat(variable("TEST_RESULTS"), "/", comm->rank()), words);
  }

  TEST_CASE("a rank that is killed while values are fetched ends the others, and they name it") {
    const TemporaryFolder results;
    const auto ended = run_ranks("rank: dies while it fetches", 3, {{"TEST_RESULTS", results.path()}});
    CHECK(ended.first_failure.has_value());
    for (const int64_t rank : {0, 2}) {
      const auto words = text_of_file(results / cat(rank));
      CAPTURE(words);
      CHECK(words.starts_with("19 "));
      CHECK(words.find("rank 1") != std::string::npos);
    }
  }

  TEST_CASE("a ZeRO level that there is not is refused") {
    CHECK(error_of([&] { Stepper(plan(), mask_of(1), recipe(), {}, {nullptr, 4}); }).status() == Status::argument);
  }
}
