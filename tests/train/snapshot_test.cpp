// A run that is interrupted anywhere goes on to the same bits; what is damaged is found and passed over.
#include "train/snapshot.hpp"

#include <ATen/ops/full.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "model/splice.hpp"
#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"
#include "train/snapshot_state.hpp"

using namespace llava::core;

namespace {

constexpr int64_t kSteps = 6;

const LoadPlan& plan() {
  static const auto made = plan_load(LLAVA_TEST_DATA "/golden/model/tiny", {});
  return made;
}

/// A training run of a stage on three samples; its data are a function of the step. Beyond the two stages: kLora, with
/// dropout, and kWhole, the tower too and weights rounded to bf16.
constexpr int kLora = 3, kWhole = 4;
class Run {
 public:
  explicit Run(int stage, Precision precision = Precision::f32)
      : stepper_(plan(), mask(stage), recipe(stage, precision), {}) {}

  static Learners::Mask mask(int stage) {
    return [stage](std::string_view name) {
      return name.starts_with("projector.") || stage == kWhole || (stage == 2 && !name.starts_with("vision."));
    };
  }
  static StepRecipe recipe(int stage, Precision precision) {
    StepRecipe recipe;
    recipe.network.precision = precision;
    if (stage == kLora) recipe.network.lora.rank = 2;
    if (stage == kLora) recipe.network.lora.dropout = 0.5;
    if (stage == kWhole) recipe.network.precision = Precision::bf16_store;
    recipe.adamw.lr = 1e-3;
    recipe.schedule = {Schedule::Shape::cosine, kSteps, 1};
    return recipe;
  }

  void train_to(int64_t last) {
    while (stepper_.state().steps_done < last) {
      const auto step = stepper_.state().steps_done;
      std::vector<TrainingSample> samples(2);
      for (int64_t i = 0; i < 2; ++i) {
        auto& sample = samples[static_cast<size_t>(i)];
        for (int64_t k = 0; k < 8; ++k) sample.ids.push_back(3 + (step * 31 + i * 7 + k * 5) % 250);
        sample.learned = {0, 0, 0, 0, 1, 1, 1, 1};
        sample.ids[1] = kImagePlace;
        sample.pixels.push_back(at::full({3, 42, 42}, 0.1 * static_cast<double>(step + i)));
      }
      const std::vector<Leaf> leaves = {{&samples[0]}, {&samples[1]}};
      losses_.push_back(stepper_.step(leaves, {}).loss);
    }
  }

  Stepper& stepper() { return stepper_; }
  const std::vector<double>& losses() const { return losses_; }

 private:
  Stepper stepper_;
  std::vector<double> losses_;
};

const Json& settings() {
  static const auto made = Json::object({{"lr", 1e-3}, {"batch", 2}, {"data", "abc"}});
  return made;
}

struct Heard {
  Heard() {
    set_log_sink([this](LogLevel, std::string_view line) { lines.append(line).append("\n"); }, LogLevel::warning);
  }
  ~Heard() { set_log_sink({}); }
  std::string lines;
};

}  // namespace

TEST_SUITE("train/snapshot") {
  TEST_CASE("resume after any step is exact, in both stages, with LoRA's dropout, with everything in bf16") {
    for (const int stage : {1, 2, kLora, kWhole}) {
      CAPTURE(stage);
      Run whole(stage);
      whole.train_to(kSteps);
      const auto expected = parameter_hash(whole.stepper());
      for (int64_t cut = 1; cut < kSteps; ++cut) {
        const TemporaryFolder folder;
        {
          Run first(stage);
          first.train_to(cut);
          save_snapshot(folder.path(), first.stepper(), settings(), 1);
        }
        Run second(stage);
        CHECK(resume_newest(folder.path(), second.stepper(), settings()).has_value());
        CHECK(second.stepper().state().steps_done == cut);
        second.train_to(kSteps);
        CHECK(parameter_hash(second.stepper()) == expected);
        CHECK(std::equal(second.losses().begin(), second.losses().end(), whole.losses().begin() + cut));
      }
    }
  }

  TEST_CASE("the newest are kept, a save at the same step replaces") {
    const TemporaryFolder folder;
    Run run(1);
    for (int64_t step = 1; step <= 4; ++step) {
      run.train_to(step);
      save_snapshot(folder.path(), run.stepper(), settings(), 2);
    }
    save_snapshot(folder.path(), run.stepper(), settings(), 2);
    const auto left = snapshots_of(folder.path());
    REQUIRE(left.size() == 2);
    CHECK(left[0].ends_with("step-00000003"));
    CHECK(left[1].ends_with("step-00000004"));
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() + "/checkpoints"))
      CHECK(entry.path().filename().string().find("tmp") == std::string::npos);
  }

  TEST_CASE("every kind of damage to the newest is found, told, and the one before is taken") {
    const TemporaryFolder folder;
    Run run(1);
    run.train_to(1);
    save_snapshot(folder.path(), run.stepper(), settings(), 2);
    run.train_to(2);
    const auto newest = folder.path() + "/checkpoints/step-00000002";
    const auto damage = [&](auto&& change, const char* reason) {
      CAPTURE(reason);
      save_snapshot(folder.path(), run.stepper(), settings(), 2);
      change();
      const Heard heard;
      Run other(1);
      const auto taken = resume_newest(folder.path(), other.stepper(), settings());
      REQUIRE(taken.has_value());
      CHECK(taken->ends_with("step-00000001"));
      CHECK(other.stepper().state().steps_done == 1);
      CHECK(heard.lines.find(reason) != std::string::npos);
    };
    const auto state = newest + "/state.safetensors", manifest = newest + "/manifest.json";
    damage([&] { std::filesystem::resize_file(state, std::filesystem::file_size(state) - 4); }, "manifest.json says");
    damage(
        [&] {
          std::fstream file(state, std::ios::in | std::ios::out | std::ios::binary);
          file.seekg(-100, std::ios::end);
          const char before = static_cast<char>(file.get());
          file.seekp(-100, std::ios::end);
          file.put(static_cast<char>(before ^ 1));
        },
        "its hash is not the one");
    damage([&] { std::filesystem::remove(state); }, "state.safetensors: ");
    damage([&] { std::ofstream(manifest) << "{"; }, "manifest.json: byte ");
    damage([&] { std::ofstream(manifest) << R"({"format": "something"})"; }, "no snapshot");
    damage([&] { std::ofstream(manifest) << R"({"format": "llava-snapshot", "version": 3})"; }, "version is 3");
    damage(
        [&] {
          auto text = read_file(manifest, 1 << 20);
          text.replace(text.find("\"step\": 2"), 9, "\"step\": 3");
          std::ofstream(manifest) << text;
        },
        "is damaged");
  }

  // One bit in each byte of the manifest and of the state's header, and in some of its numbers; LLAVA_FULL=1 turns all of them.
  TEST_CASE("a bit that is turned anywhere, and a file that ends anywhere, are found") {
    const TemporaryFolder folder;
    Run run(1), other(1);
    run.train_to(1);
    save_snapshot(folder.path(), run.stepper(), settings(), 1);
    const auto snapshot = snapshots_of(folder.path()).front();
    const bool full = std::getenv("LLAVA_FULL") != nullptr;
    const auto expect_refusal = [&] {
      const auto error = error_of([&] { resume_from(snapshot, other.stepper(), settings()); });
      // a length that is more than can be held is a limit's
      CHECK((error.status() == Status::format || error.status() == Status::limit));
    };
    int64_t turned = 0, cut = 0;
    for (const std::string name : {"manifest.json", "state.safetensors"}) {
      const auto path = snapshot + "/" + name;
      const auto whole = read_file(path, 1 << 24);
      const bool numbers = name != "manifest.json";
      const size_t dense = numbers ? 2048 : whole.size();  // the header, and some of the numbers after it
      REQUIRE(whole.size() >= dense);
      const auto write = [&](const std::string& text) { std::ofstream(path, std::ios::binary) << text; };
      for (size_t at = 0; at < whole.size(); at += at < dense ? 1 : full ? 61 : 1999)
        for (int bit = 0; bit < (full && at < dense ? 8 : 1); ++bit, ++turned) {
          CAPTURE(name);
          CAPTURE(at);
          auto damaged = whole;
          damaged[at] = static_cast<char>(damaged[at] ^ (1 << (full ? bit : static_cast<int>(at % 8))));
          write(damaged);
          expect_refusal();
        }
      for (size_t length = 0; length < whole.size(); length += whole.size() / (full ? 200 : 20) + 1, ++cut) {
        CAPTURE(length);
        write(whole.substr(0, length));
        expect_refusal();
      }
      write(whole + "\n");
      expect_refusal();
      write(whole);
    }
    MESSAGE(turned << " bits turned and " << cut << " files cut, all found");
    CHECK(other.stepper().state().steps_done == 0);
    resume_from(snapshot, other.stepper(), settings());
    CHECK(parameter_hash(other.stepper()) == parameter_hash(run.stepper()));
  }

  TEST_CASE("what is read again after it was found whole is not taken when it has changed meanwhile") {
    const TemporaryFolder folder;
    Run run(2);
    save_snapshot(folder.path(), run.stepper(), settings(), 1);
    const auto path = snapshots_of(folder.path()).front() + "/state.safetensors";
    const auto entries = snapshot_entries(run.stepper().network().learners());
    SnapshotState state(path, entries);
    const auto hash = state.hash();
    CHECK(hash == state.hash());
    int64_t taken = 0;
    const auto all = [](size_t, int64_t, int64_t) { return true; };
    const auto take = [&](size_t, int64_t, const at::Tensor& numbers) { taken += numbers.numel(); };
    state.read(all, take);
    CHECK(taken == 3 * run.stepper().network().learners().learning());
    state.read([](size_t part, int64_t, int64_t) { return part == 1; }, take);
    CHECK(taken == 4 * run.stepper().network().learners().learning());
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(-100, std::ios::end);
      file.put('?');
    }
    const auto error = error_of([&] { state.read(all, take); });
    CHECK(error.status() == Status::io);
    CHECK(error.message() == path + ": was changed while it was read");
    CHECK(state.hash() != hash);
  }

  TEST_CASE("of f32 values a run in bf16 loses nothing: saved again they are the same file") {
    const TemporaryFolder folder, again;
    Run run(2), rounded(2, Precision::bf16_store);
    run.train_to(2);
    save_snapshot(folder.path(), run.stepper(), settings(), 1);
    CHECK(resume_newest(folder.path(), rounded.stepper(), settings()).has_value());
    save_snapshot(again.path(), rounded.stepper(), settings(), 1);
    for (const std::string name : {"/state.safetensors", "/manifest.json"})
      CHECK(read_file(snapshots_of(folder.path()).front() + name, 1 << 24) ==
            read_file(snapshots_of(again.path()).front() + name, 1 << 24));
  }

  TEST_CASE("other settings are refused with both values") {
    const TemporaryFolder folder;
    Run run(1);
    run.train_to(1);
    save_snapshot(folder.path(), run.stepper(), settings(), 2);
    Run other(1);
    const auto changed = Json::object({{"lr", 2e-3}, {"batch", 2}, {"seed", 4}});
    const auto error = error_of([&] { resume_newest(folder.path(), other.stepper(), changed); });
    CHECK(error.status() == Status::argument);
    CHECK(
        error.message().find("lr is 0.002 now and was 0.001; data is absent now and was \"abc\"; seed is 4 now and was "
                             "absent") != std::string::npos);
    CHECK(other.stepper().state().steps_done == 0);
  }

  TEST_CASE("a snapshot without an order of sums was made with the tree") {
    const TemporaryFolder folder;
    Run run(1);
    run.train_to(1);
    save_snapshot(folder.path(), run.stepper(), settings(), 2);
    auto now = settings();
    now.add("sum_order", "chain");
    const auto error = error_of([&] { resume_newest(folder.path(), run.stepper(), now); });
    CHECK(error.message().find("sum_order is \"chain\" now and was \"tree\"") != std::string::npos);
    now.set("sum_order", "tree");
    CHECK(resume_newest(folder.path(), run.stepper(), now).has_value());
  }

  TEST_CASE("a snapshot of another stage does not fit") {
    const TemporaryFolder folder;
    Run run(1);
    save_snapshot(folder.path(), run.stepper(), settings(), 2);
    Run other(2);
    const Heard heard;
    CHECK_FALSE(resume_newest(folder.path(), other.stepper(), settings()).has_value());
    CHECK(heard.lines.find("tensors, this run has") != std::string::npos);
    CHECK_FALSE(resume_newest(folder.path() + "/nowhere", other.stepper(), settings()).has_value());
  }

  TEST_CASE("what was left half deleted is no hindrance") {
    const TemporaryFolder folder;
    Run run(1);
    const auto target = folder.path() + "/checkpoints/step-00000000";
    std::filesystem::create_directories(target);
    std::ofstream(target + "/state.safetensors") << "half";
    save_snapshot(folder.path(), run.stepper(), settings(), 2);
    CHECK(snapshots_of(folder.path()).size() == 1);
    for (const char* name :
         {"step-1", "step-0000000x", "step-00000009.tmp-1-0", "Step-00000009", "step-00000009", "last"}) {
      const auto place = folder.path() + "/checkpoints/" + name;
      std::filesystem::create_directories(place);
      if (std::string_view(name) != "step-00000009")
        std::ofstream(place + "/manifest.json") << "{}";  // a half deleted one
    }
    std::ofstream(folder.path() + "/checkpoints/step-00000010") << "a file";
    CHECK(snapshots_of(folder.path()).size() == 1);
    Run other(1);
    CHECK(resume_newest(folder.path(), other.stepper(), settings()) == target);
  }

  TEST_CASE("a folder that cannot be written to is told, and nothing is lost") {
    const TemporaryFolder folder;
    Run run(1);
    std::ofstream(folder.path() + "/checkpoints") << "a file in the way";
    CHECK(error_of([&] { save_snapshot(folder.path(), run.stepper(), settings(), 2); }).status() == Status::io);
  }
}
