// What a run says and does when something is wrong: a process that ended in its midst, data and models that are no longer
// the same, steps that are not finite, a disk that does not take a snapshot written meanwhile.
#include <ATen/ops/full.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "base/json.hpp"
#include "base/log.hpp"
#include "checkpoint/save.hpp"
#include "train/feed.hpp"
#include "train/origin.hpp"
#include "train/run_plan.hpp"
#include "train/snapshot.hpp"
#include "train/snapshot_file.hpp"

#include "run_support.hpp"

using namespace run_test;
namespace fs = std::filesystem;

namespace {

Json state_of(const RunSettings& settings) {
  return parse_json(read_file(settings.out + "/run.json", 1 << 20), "run.json");
}

void write_text(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

void replace_in(const std::string& path, const std::string& old, const std::string& text) {
  auto all = read_file(path, 1 << 20);
  const auto at = all.find(old);
  REQUIRE(at != std::string::npos);
  write_text(path, all.replace(at, old.size(), text));
}

/// A copy of the tiny model whose words of record 4 are not numbers: a step with that record cannot be finite.
std::string write_broken_model(const Bench& bench, const std::string& folder) {
  replace_in(bench.data, "A number 3", "Quartz!");
  const auto settings = bench.settings("none", 1);
  const auto plan = plan_load(kTiny, {});
  const auto data = open_data(settings.data, settings, plan.checkpoint, {}, {});
  std::set<int64_t> others;
  for (int64_t i = 0; i < kRecords; ++i)
    if (i != 3)
      for (const auto id : data.maker->make(data.index->record(i)).ids) others.insert(id);
  auto table = tensor_of(plan.tensors.found.at("language.embed_tokens.weight")).to(at::kFloat).clone();
  int64_t broken = 0;
  for (const auto id : data.maker->make(data.index->record(3)).ids)
    if (id >= 0 && !others.contains(id)) table[id].fill_(std::numeric_limits<float>::quiet_NaN()), ++broken;
  REQUIRE(broken > 0);
  fs::create_directory(folder);
  write_trained(plan, {{"language.embed_tokens.weight", [&](at::ScalarType) { return table; }}}, folder, {});
  return folder;
}

struct Heard {
  Heard() {
    set_log_sink([this](LogLevel, std::string_view line) { lines.append(line).append("\n"); }, LogLevel::warning);
  }
  ~Heard() { set_log_sink({}); }
  std::string lines;
};

}  // namespace

TEST_SUITE("train/run: troubles") {
  TEST_CASE("run.json tells a run that is under way, stopped, left, finished and interrupted") {
    const Bench bench;
    const auto settings = bench.settings("out");
    {
      TrainingRun training(settings, {}, {});
      CHECK(run_status(settings.out).at("state").string() == "running");
      training.step();
      training.leave();
      CHECK(run_status(settings.out).at("state").string() == "stopped");
      training.step();  // the same process goes on
      CHECK(run_status(settings.out).at("state").string() == "running");
      training.leave();
    }
    CHECK(run_status(settings.out).at("state").string() == "stopped");
    { const TrainingRun training(settings, {}, {}); }
    CHECK(run_status(settings.out).at("state").string() == "left");
    replace_in(settings.out + "/run.json", "\"left\"", "\"running\"");  // as a kill -9 leaves it
    CHECK(run_status(settings.out).at("state").string() == "interrupted");
    std::string interrupted;
    TrainingRun training(settings,
                         [&](const Json& event) {
                           if (event.at("event").string() == "start") interrupted = event.at("interrupted").string();
                         },
                         {});
    CHECK(interrupted.starts_with(cat("process ", state_of(settings).at("process").integer(), " of ")));
    CHECK(state_of(settings).at("interruptions").integer() == 1);
    while (!training.finished()) training.step();
    training.write_result();
    CHECK(run_status(settings.out).at("state").string() == "finished");
    CHECK(state_of(settings).at("interruptions").integer() == 1);
  }

  TEST_CASE("a run goes on although what was said of it cannot be read") {
    const Bench bench;
    const auto settings = bench.settings("out");
    run(settings, 2);
    write_text(settings.out + "/run.json", "{");
    const Heard heard;
    CHECK(run(settings).size() == 4);
    CHECK(heard.lines.find("cannot be read") != std::string::npos);
  }

  TEST_CASE("what killed processes had half written is no run, and goes") {
    const Bench bench;
    const auto settings = bench.settings("out");
    fs::create_directories(settings.out);
    write_text(settings.out + "/run.json.tmp-12-0", "{");
    run(settings, 1);
    fs::create_directories(settings.out + "/checkpoints/step-00000002.tmp-12-1");
    write_text(settings.out + "/metrics.jsonl.tmp-12-2", "{");
    write_text(settings.out + "/notes.tmp-1", "somebody's");
    CHECK(run(settings).size() == 5);
    std::set<std::string> left;
    for (const auto& entry : fs::recursive_directory_iterator(settings.out))
      if (entry.path().string().find(".tmp") != std::string::npos) left.insert(entry.path().filename().string());
    CHECK(left == std::set<std::string>{"notes.tmp-1"});
  }

  TEST_CASE("a snapshot of other means is told where bits may differ") {
    const Bench bench;
    const auto settings = bench.settings("out");
    run(settings, 1);
    const auto manifest = snapshots_of(settings.out).front() + "/manifest.json";
    std::string warned;
    const auto open = [&] {
      const TrainingRun training(settings,
                                 [&](const Json& event) {
                                   if (event.at("event").string() == "warning") warned = event.at("message").string();
                                 },
                                 {});
    };
    const auto change = [&](const char* before, const char* after) {
      replace_in(manifest, before, after);
      write_text(manifest, sealed_manifest(read_file(manifest, 1 << 20)));
    };
    change("\"threads\": ", "\"threads\": 9");  // each lane has one, however many there are
    open();
    CHECK(warned.empty());
    change("\"libtorch\": \"", "\"libtorch\": \"1.");
    open();
    CHECK(warned.find("made by other means: libtorch is 2.") != std::string::npos);
    CHECK(warned.find(" now and was 1.2.") != std::string::npos);
    CHECK(warned.find("threads") == std::string::npos);
    const auto before = parse_json(R"({"libtorch": "2.11.0", "threads": 2})", "before");
    const auto now = parse_json(R"({"libtorch": "2.11.0", "cpu": "AVX2", "threads": 4})", "now");
    CHECK(machine_difference(before, now, /*threads_matter=*/true) == "threads is 4 now and was 2");
  }

  TEST_CASE("pictures lie beside the file whose records name them, unless a folder is given") {
    const Bench bench;
    const TemporaryFolder other;
    auto settings = bench.settings("out", 1);
    settings.images.clear();
    settings.eval_data = write_records(other, 3);
    for (const char* picture : {"photo.png", "baseline-420.jpg"}) {
      fs::copy_file(kPictures + "/" + picture, bench.folder.path() + "/" + picture);
      fs::copy_file(kPictures + "/" + picture, other.path() + "/" + picture);
    }
    fs::copy_file(kPictures + "/photo.png", other.path() + "/gone.png");
    TrainingRun training(settings, {}, {});
    CHECK(training.evaluate() > 0);
  }

  TEST_CASE("a model file that is cut while the run reads from it ends the run, not the process") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.model = bench.folder.path() + "/model";
    fs::copy(kTiny, settings.model, fs::copy_options::recursive);
    TrainingRun training(settings, {}, {});
    training.step();
    const auto weights = settings.model + "/model.safetensors";
    fs::resize_file(weights, fs::file_size(weights) / 2);
    const auto error = error_of([&] { training.step(); });
    CHECK(error.status() == Status::io);
    CHECK(error.message().find("model.safetensors") != std::string::npos);
    CHECK(snapshots_of(settings.out).size() == 1);  // the step before is kept
  }

  TEST_CASE("other data and another model are told by file, record and part") {
    const Bench bench;
    auto settings = bench.settings("out");
    const auto model = bench.folder.path() + "/model";
    fs::copy(kTiny, model, fs::copy_options::recursive);
    settings.model = model;
    run(settings, 1);
    const auto said = [&] { return error_of([&] { run(settings); }).message(); };
    replace_in(bench.data, "A number 6", "A number 7");
    CHECK(said().find(cat("data is ", bench.data, " (10 records, ", fs::file_size(bench.data), " bytes) now and was ",
                          bench.data)) != std::string::npos);
    CHECK(said().ends_with("other in record 7"));
    replace_in(bench.data, "A number 7", "A number 6");
    write_text(bench.data + "2", "[" + read_file(bench.data, 1 << 20).substr(1));
    settings.data += "2";
    CHECK(run(settings, 1).size() == 1);  // the same bytes in another place are the same data
    replace_in(model + "/config.json", "{", "{\"said\": 1,");
    CHECK(said().ends_with("other in config.json"));
    fs::copy_file(kTiny + "/config.json", model + "/config.json", fs::copy_options::overwrite_existing);
    const auto plan = plan_load(kTiny, {});
    const auto& norm = plan.tensors.found.at("language.norm.weight");
    fs::remove_all(model);
    fs::create_directory(model);
    write_trained(plan, {{"language.norm.weight", [&](at::ScalarType) { return at::full(norm.shape, 0.5); }}}, model,
                  {});
    fs::copy(kTiny, model, fs::copy_options::skip_existing);
    CHECK(said().find("other in ") != std::string::npos);
    CHECK(said().find("language") != std::string::npos);
  }

  TEST_CASE("records without a picture: none has one is refused, some is told") {
    const Bench bench;
    auto settings = bench.settings("out", 1);
    int64_t without = -1;
    const Heard heard;
    {
      const TrainingRun training(settings,
                                 [&](const Json& event) {
                                   if (event.at("event").string() == "start")
                                     without = event.at("without_picture").integer();
                                 },
                                 {});
    }
    CHECK(without == 3);
    CHECK(heard.lines.find("3 of 10 records have no picture, and teach nothing") != std::string::npos);
    settings.out += "-none";
    settings.data = bench.folder.path() + "/words.json";
    write_text(settings.data,
               R"([{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}])");
    const auto refused = error_of([&] { run(settings); });
    CHECK(refused.status() == Status::format);
    CHECK(refused.message().find("none of its 1 records has a picture") != std::string::npos);
    CHECK(error_of([&] { plan_run(settings, {}, {}); }).message() == refused.message());
    settings.learns = "projector.*|language.norm.weight";
    CHECK(run(settings, 1).size() == 1);
  }

  TEST_CASE("a step that is not finite names its records; it is left out where that is allowed") {
    const Bench bench;
    auto settings = bench.settings("out", 1);
    settings.model = write_broken_model(bench, bench.folder.path() + "/model");
    settings.order = OrderKind::sequential;
    const auto refused = error_of([&] { run(settings); });
    CHECK(refused.status() == Status::diverged);
    CHECK(refused.message().find("nothing was changed. micro-batch 2 (records 3, 4) has the loss nan; 4 of 4 gradients "
                                 "are not finite, projector.linear_2.bias the first on the way back") !=
          std::string::npos);
    settings.skip_diverged = 1;
    auto whole = settings;
    whole.out += "-whole";
    const Heard heard;
    std::vector<int64_t> told;
    {
      TrainingRun training(whole,
                           [&](const Json& event) {
                             if (event.at("event").string() == "diverged") told.push_back(event.at("step").integer());
                           },
                           {});
      while (!training.finished()) training.step();
      training.write_result();
      CHECK(training.summary().at("diverged").integer() == 2);
      CHECK(std::isfinite(training.last()->loss));
    }
    CHECK(told == std::vector<int64_t>{1, 4});
    CHECK(heard.lines.find("left out: step 1: the loss is nan") != std::string::npos);
    CHECK(lines_of(whole.out + "/metrics.jsonl").size() == 6);
    for (const int64_t steps : {2, 4}) run(settings, steps);  // goes on from a stop; the one before has saved nothing
    CHECK(weights_of(settings.out) == weights_of(whole.out));
    CHECK(state_of(settings).at("diverged").integer() == 2);
    auto elsewhere = whole;
    elsewhere.out += "-elsewhere";
    elsewhere.resume = snapshots_of(whole.out).back();
    CHECK(TrainingRun(elsewhere, {}, {}).summary().at("diverged").integer() == 2);
    settings.out += "-two";
    settings.micro_batch = settings.batch = 1;
    settings.lr = settings.projector_lr = 100;
    settings.model = kTiny;
    settings.skip_diverged = 2;
    settings.warmup_ratio = 0;
    settings.precision = Precision::f32;
    settings.weight_decay = 100;  // each step multiplies the weights by -9999
    settings.schedule = Schedule::Shape::constant;
    settings.epochs = 4;
    CHECK(error_of([&] { run(settings); }).status() == Status::diverged);  // at the third in a row
    CHECK(state_of(settings).at("diverged").integer() >= 2);
    settings.out += "-started-again-and-again";
    int64_t starts = 0;
    CHECK(error_of([&] {
            for (; starts < 30; ++starts) run(settings, 1);
          }).status() == Status::diverged);
    CHECK(starts > 2);
  }

  TEST_CASE("snapshots written while the run goes on are those that it waits for") {
    const Bench bench;
    auto waiting = bench.settings("waiting"), going = bench.settings("going");
    waiting.save_every = going.save_every = 1;
    waiting.keep = going.keep = 10;
    going.save_async = true;
    run(waiting);
    int64_t saved = 0;
    {
      TrainingRun training(going, [&](const Json& event) { saved += event.at("event").string() == "saved"; }, {});
      while (!training.finished()) training.step();
      training.write_result();
    }
    CHECK(saved == 6);
    const auto ours = snapshots_of(going.out), theirs = snapshots_of(waiting.out);
    REQUIRE(ours.size() == 6);
    for (size_t i = 0; i < 6; ++i)
      for (const char* name : {"/state.safetensors", "/manifest.json"})
        CHECK(read_file(ours[i] + name, 1 << 30) == read_file(theirs[i] + name, 1 << 30));
    CHECK(weights_of(going.out) == weights_of(waiting.out));
    const auto plan = plan_run(going, {}, {});
    CHECK(plan.at("memory").at("snapshot").integer() == 12 * plan.at("learning").integer());
  }

  TEST_CASE("a snapshot that could not be written meanwhile is told, and tried again") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.save_every = 1;
    settings.save_async = true;
    int64_t failed = 0;
    const Heard heard;
    TrainingRun training(settings, [&](const Json& event) { failed += event.at("event").string() == "save_failed"; },
                         {});
    write_text(settings.out + "/checkpoints", "in the way");
    training.step();
    CHECK(failed == 0);  // it is not known yet
    training.step();
    CHECK(failed == 1);
    training.step();
    CHECK(failed == 2);
    fs::remove(settings.out + "/checkpoints");
    training.leave();
    CHECK(snapshots_of(settings.out).size() == 1);
    CHECK(snapshots_of(settings.out)[0].ends_with("step-00000003"));
  }

  TEST_CASE("how a snapshot written meanwhile came out is told by the steps that follow, not by the next snapshot") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.save_async = true;
    settings.batch = settings.micro_batch = 1;
    settings.steps = 60;
    settings.save_every = 30;
    std::vector<std::pair<std::string, int64_t>> told;
    const Heard heard;
    TrainingRun* running = nullptr;
    TrainingRun training(settings,
                         [&](const Json& event) {
                           const auto kind = event.at("event").string();
                           if (kind == "saved" || kind == "save_failed") told.emplace_back(kind, running->done());
                         },
                         {});
    running = &training;
    write_text(settings.out + "/checkpoints", "in the way");
    while (told.empty() && !training.finished()) training.step();
    REQUIRE(!told.empty());
    CHECK(told[0].first == "save_failed");
    CHECK(told[0].second < 60);  // the next snapshot is due then
  }
}
