// A run from data to a model: it learns, stops and goes on to the same bits, and leaves a folder that is a model.
#include "train/run.hpp"

#include <filesystem>

#include "base/json.hpp"
#include "checkpoint/bundle.hpp"
#include "train/memory_advice.hpp"
#include "train/run_plan.hpp"
#include "train/snapshot.hpp"

#include "run_support.hpp"

using namespace run_test;
namespace fs = std::filesystem;

TEST_SUITE("train/run") {
  TEST_CASE("a run learns and leaves a model beside its record") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.epochs = 20;
    settings.eval_data = bench.data;
    settings.eval_every = 30;
    std::vector<std::string> events;
    TrainingRun training(settings, [&](const Json& event) { events.push_back(event.at("event").string()); }, {});
    CHECK(training.steps() == 60);
    const auto before = training.evaluate();
    while (!training.finished()) training.step();
    CHECK(training.evaluate() < before / 2);
    training.write_result();
    CHECK(std::count(events.begin(), events.end(), "step") == 60);
    CHECK(std::count(events.begin(), events.end(), "saved") == 1);
    CHECK(std::count(events.begin(), events.end(), "evaluation") == 4);
    CHECK(std::count(events.begin(), events.end(), "estimate") == 1);
    CHECK(std::find(events.begin(), events.end(), "estimate") - std::find(events.begin(), events.end(), "step") == 10);
    CHECK(events.back() == "result");
    const auto metrics = lines_of(settings.out + "/metrics.jsonl");
    CHECK(metrics.size() == 64);
    CHECK(parse_json(metrics[3], "line").at("step").integer() == 3);
    CHECK(parse_json(metrics[3], "line").at("epoch").number() == 1);  // of 4, 4 and 2 samples
    const auto model = load_bundle(settings.out, {});
    CHECK(model->layout == "hf");
    CHECK(weights_of(settings.out) != weights_of(kTiny));
    CHECK_FALSE(fs::exists(settings.out + "/result.tmp"));
  }

  TEST_CASE("a run that stops anywhere and goes on ends with the same bits, in both stages and every order") {
    const Bench bench;
    for (const int64_t stage : {1, 2}) {
      for (const auto order : {OrderKind::sequential, OrderKind::shuffled, OrderKind::grouped, OrderKind::upstream}) {
        CAPTURE(stage);
        CAPTURE(static_cast<int>(order));
        const auto name = cat(stage, "-", static_cast<int>(order));
        auto whole = bench.settings(name + "-whole", stage), parts = bench.settings(name + "-parts", stage);
        whole.order = parts.order = order;
        const auto expected = run(whole);
        CHECK(expected.size() == 6);
        parts.loader_threads = 3;  // neutral
        std::vector<double> losses;
        for (const int64_t steps : {1, 2, 3}) {
          const auto more = run(parts, steps);
          losses.insert(losses.end(), more.begin(), more.end());
        }
        CHECK(losses == expected);
        CHECK(weights_of(parts.out) == weights_of(whole.out));
        CHECK(lines_of(parts.out + "/metrics.jsonl").size() == 6);
      }
    }
  }

  TEST_CASE("only what the mask takes in has changed") {
    const Bench bench;
    auto settings = bench.settings("out", 1);
    run(settings);
    const auto before = plan_load(kTiny, {}), after = plan_load(settings.out, {});
    for (const auto& [name, view] : before.tensors.found) {
      if (is_derived_tensor(name)) continue;
      const auto& now = after.tensors.found.at(name);
      CAPTURE(name);
      if (name == "language.embed_tokens.weight" || name == "lm_head.weight") continue;  // may have grown a row
      CHECK((std::memcmp(view.data, now.data, view.size_bytes) == 0) == !name.starts_with("projector."));
    }
  }

  TEST_CASE("folders: another run's, other people's, one in use") {
    const Bench bench;
    auto settings = bench.settings("out");
    run(settings, 1);
    auto other = settings;
    other.lr = 1e-3;
    const auto differs = error_of([&] { run(other); });
    CHECK(differs.status() == Status::argument);
    CHECK(differs.message().find("lr is 0.001 now and was 0.002") != std::string::npos);
    other = settings;
    other.resume = "never";
    CHECK(error_of([&] { run(other); }).status() == Status::argument);
    other.out = bench.folder.path();
    CHECK(error_of([&] { run(other); }).message().find("holds other things") != std::string::npos);
    const TrainingRun first(settings, {}, {});
    CHECK(error_of([&] { run(settings); }).status() == Status::busy);
  }

  TEST_CASE("a record that cannot be used stops the run, or is counted and named") {
    const TemporaryFolder folder;
    Bench bench;
    bench.data = write_records(folder, 3);
    auto settings = bench.settings("out");
    settings.order = OrderKind::sequential;
    const auto error = error_of([&] { run(settings); });
    CHECK(error.message().find("record 4 ") != std::string::npos);
    CHECK(error.message().find("gone.png") != std::string::npos);
    settings.out += "2";
    settings.skip_bad = 1;
    int64_t skipped = 0;
    TrainingRun training(settings, [&](const Json& event) { skipped += event.at("event").string() == "skipped"; }, {});
    while (!training.finished()) training.step();
    CHECK(skipped == 1);  // it came in both epochs
    CHECK(training.summary().at("skipped").integer() == 1);
  }

  TEST_CASE("a run that met such a record goes on when it may be skipped") {
    const TemporaryFolder folder;
    Bench bench;
    bench.data = write_records(folder, 5);
    auto settings = bench.settings("out"), whole = bench.settings("whole");
    settings.order = whole.order = OrderKind::sequential;
    whole.skip_bad = 1;
    CHECK(error_of([&] { run(settings); }).message().find("gone.png") != std::string::npos);
    settings.skip_bad = 1;
    CHECK(run(settings).size() == 5);  // the first step was saved when the second could not be made
    run(whole);
    CHECK(weights_of(settings.out) == weights_of(whole.out));
  }

  TEST_CASE("an evaluation that fails takes no step along, and is made up for") {
    const TemporaryFolder folder;
    Bench bench;
    auto settings = bench.settings("out");
    settings.eval_data = write_records(folder, 3);
    CHECK(error_of([&] { run(settings); }).message().find("gone.png") != std::string::npos);
    settings.eval_data = bench.data;
    CHECK(run(settings).empty());  // all steps were there
    CHECK(lines_of(settings.out + "/metrics.jsonl").size() == 7);
    CHECK(run(settings).empty());
    CHECK(lines_of(settings.out + "/metrics.jsonl").size() == 7);
    auto early = bench.settings("early");
    early.eval_data = write_records(folder, 3);
    early.eval_every = 2;
    CHECK(error_of([&] { run(early); }).message().find("gone.png") != std::string::npos);
    early.eval_data = bench.data;
    CHECK(run(early).size() == 4);  // both steps were saved on the way out
  }

  TEST_CASE("what is told of a run is of all its steps, also when there is nothing left to do") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.eval_data = bench.data;
    const auto losses = run(settings, 2);
    run(settings);
    const TrainingRun again(settings, {}, {});
    const auto told = again.summary();
    CHECK(told.at("samples").integer() == 2 * kRecords);
    CHECK(told.at("tokens").integer() > 0);
    CHECK(told.at("seconds").number() > 0);
    CHECK(told.at("first_loss").number() == losses[0]);
    CHECK(told.contains("last_loss"));
    CHECK(told.contains("eval_loss"));
  }

  TEST_CASE("a step whose records were all left out counts and changes nothing") {
    const TemporaryFolder folder;
    Bench bench;
    bench.data = write_records(folder, 3);
    auto settings = bench.settings("out");
    settings.order = OrderKind::sequential;
    settings.batch = settings.micro_batch = 1;
    settings.epochs = 1;
    settings.skip_bad = 1;
    const auto losses = run(settings);
    CHECK(losses.size() == kRecords);
    CHECK(losses[3] == 0);
    CHECK(losses[4] > 0);
    settings.out += "-other";
    settings.resume = "alwyas";
    CHECK(error_of([&] { run(settings); }).message().find("expected auto, never, or the folder of a snapshot") !=
          std::string::npos);
  }

  TEST_CASE("a cancelled step changes nothing, and the run can go on") {
    const Bench bench;
    auto settings = bench.settings("out");
    CancelToken token;
    TrainingRun training(settings, {}, Cancel(&token));
    training.step();
    token.cancel();
    CHECK(error_of([&] { training.step(); }).status() == Status::cancelled);
    CHECK(training.done() == 1);
    token.reset();
    while (!training.finished()) training.step();
    training.write_result();
    auto straight = bench.settings("straight");
    run(straight);
    CHECK(weights_of(settings.out) == weights_of(straight.out));
  }

  TEST_CASE("with LoRA the result is an adapter that opens beside the model, and stops and goes on like any run") {
    const Bench bench;
    auto settings = bench.settings("whole");
    settings.learns = "projector.*";
    settings.lora.rank = 4;
    settings.lora.dropout = 0.1;
    run(settings);
    const auto expected = read_file(settings.out + "/adapter_model.safetensors", 1 << 30);
    CHECK_FALSE(fs::exists(settings.out + "/config.json"));
    LoadOptions load;
    load.adapter = settings.out;
    CHECK(load_bundle(kTiny, load)->adapter != nullptr);
    settings.out = bench.folder.path() + "/parts";
    settings.recompute = {0, 0};  // neutral
    for (const int64_t steps : {2, 4}) run(settings, steps);
    CHECK(read_file(settings.out + "/adapter_model.safetensors", 1 << 30) == expected);
  }

  TEST_CASE("a plan counts what then learns, for every kind of run") {
    const Bench bench;
    const auto planned = [&](const RunSettings& settings) {
      const auto plan = plan_run(settings, {}, {});
      const TrainingRun training(settings, {}, {});
      CHECK(plan.at("learning").integer() == training.summary().at("learning").integer());
      CHECK(plan.at("steps").integer() == training.steps());
      return plan.at("learning").integer();
    };
    auto settings = bench.settings("one", 1);
    const auto projector = planned(settings);
    CHECK(planned(bench.settings("two")) > projector);
    settings.out += "-lora";
    settings.lora.rank = 2;
    CHECK(planned(settings) > projector);
    settings.out += "-all";
    settings.lora.rank = 0;
    settings.learns = ".*";
    CHECK(planned(settings) > planned(bench.settings("three")));
  }

  TEST_CASE(
      "a plan that does not fit says what would: what changes least first, and the largest micro-batch that fits") {
    const Bench bench;
    auto settings = bench.settings("out");
    const auto plan = plan_run(settings, {}, {});
    CHECK(plan.at("fits").boolean());
    CHECK(plan.at("memory_available").integer() > plan.at("memory").at("total").integer());
    CHECK(plan.at("advice").size() == 0);
    settings.batch = settings.micro_batch = 12;
    settings.save_async = true;
    const auto total_of = [](const RunSettings& other) -> int64_t {
      if (other.lora.rank > 0) return 1'000'000'000;
      return 200 * other.micro_batch - (other.recompute.cheap_rows == 0 ? 50 : 0) + (other.save_async ? 100 : 0) + 100;
    };
    const auto said = [&](int64_t available) {
      std::vector<std::string> lines;
      const auto advice = memory_advice(plan_load(kTiny, {}), settings, total_of(settings), available, total_of);
      for (const auto& one : advice.elements())
        lines.push_back(cat(one.at("settings").dump(), ' ', one.at("total").integer(), ' ',
                            one.at("fits").boolean() ? "fits" : "no", ' ', one.at("changes").string()));
      return lines;
    };
    CHECK(said(1500) == std::vector<std::string>{
                            R"({"recompute":"full"} 2550 no nothing)", R"({"save_async":0} 2500 no nothing)",
                            R"({"micro_batch":6} 1400 fits last digits)",
                            R"({"recompute":"full","save_async":0,"zero":1,"micro_batch":1} 250 fits last digits)"});
    CHECK(said(300)[2] == R"({"micro_batch":1} 400 no last digits)");
    const auto by_level = [](const RunSettings& other) -> int64_t { return 400 - 100 * other.zero; };
    const auto levels = memory_advice(plan_load(kTiny, {}), bench.settings("levels"), 400, 150, by_level);
    REQUIRE(levels.size() >= 3);
    for (size_t i = 0; i < 3; ++i) {
      CHECK(levels.elements()[i].at("settings").dump() == cat(R"({"zero":)", i + 1, '}'));
      CHECK(levels.elements()[i].at("fits").boolean() == (i == 2));
    }
    auto in_a_tree = bench.settings("sums");
    in_a_tree.micro_batch = 1;
    const auto by_order = [](const RunSettings& other) -> int64_t {
      return other.sum_order == SumOrder::chain ? 100 : 300;
    };
    const auto sums = memory_advice(plan_load(kTiny, {}), in_a_tree, 300, 150, by_order);
    REQUIRE(sums.size() >= 1);
    CHECK(sums.elements()[0].dump() ==
          R"({"settings":{"sum_order":"chain"},"total":100,"fits":true,"changes":"last digits"})");
    auto at_level_2 = bench.settings("levels");
    at_level_2.zero = 2;
    const auto more = [](const RunSettings& other) -> int64_t {
      return other.zero == 3 ? 500 : 390 + other.micro_batch;
    };
    const auto others = memory_advice(plan_load(kTiny, {}), at_level_2, more(at_level_2), 1, more);
    CHECK(others.size() > 0);
    for (const auto& one : others.elements()) CHECK_FALSE(one.at("settings").contains("zero"));
  }

  TEST_CASE("two bases and a new projector become a LLaVA; the projector alone beside it") {
    const Bench bench;
    auto settings = bench.settings("out", 1);
    settings.load.new_projector = {"mlp2x_gelu", 7};
    settings.projector_file = settings.torch_files = true;
    run(settings);
    LoadOptions load;
    load.projector = settings.out + "/mm_projector.safetensors";
    const auto with_projector = load_bundle(kTiny, load);
    CHECK(with_projector->config.projector.depth == 2);
    CHECK(with_projector->fingerprint != load_bundle(kTiny, {})->fingerprint);
    load.projector = settings.out + "/mm_projector.bin";  // torch_files
    CHECK(load_bundle(kTiny, load)->fingerprint == with_projector->fingerprint);
    settings.out += "-other";
    settings.load.new_projector.seed = 8;
    run(settings);
    CHECK(weights_of(settings.out) != weights_of(bench.folder.path() + "/out"));
    settings.load.new_projector.type = "mlp17x_gelu";
    CHECK(error_of([&] { run(settings); }).message().find("expected linear, or mlp1x_gelu to mlp16x_gelu") !=
          std::string::npos);
  }

  TEST_CASE("a base of four bits learns a LoRA beside it, and nothing else") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.nf4_base = true;
    CHECK(error_of([&] { run(settings); }).message().find("expected a LoRA") != std::string::npos);
    settings.learns = "projector.*";
    settings.lora.rank = 4;
    const auto losses = run(settings);
    auto exact = settings;
    exact.out += "-exact";
    exact.nf4_base = false;
    exact.projector_file = true;
    CHECK(losses != run(exact));
    CHECK(fs::exists(settings.out + "/adapter_model.safetensors"));
    CHECK(fs::exists(exact.out + "/mm_projector.safetensors"));
  }

  TEST_CASE("bf16 computes with what it will write") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.precision = Precision::bf16_store;
    const auto losses = run(settings);
    auto exact = bench.settings("exact");
    const auto others = run(exact);
    CHECK(losses != others);
    CHECK(losses.front() == doctest::Approx(others.front()).epsilon(2e-2));
  }

  TEST_CASE("settings that cannot be are refused by name") {
    const Bench bench;
    const auto refused = [&](auto&& change) {
      auto settings = bench.settings("bad");
      change(settings);
      return error_of([&] { run(settings); }).message();
    };
    CHECK(refused([](auto& s) { s.batch = 0; }).starts_with("batch is 0, expected 1 to "));
    CHECK(refused([](auto& s) { s.micro_batch = 3; }) == "micro_batch is 3, expected a divisor of the batch of 4");
    CHECK(refused([](auto& s) { s.lr = -1; }) == "lr is -1, expected 0 to 100");
    CHECK(refused([](auto& s) { s.learns = "nothing"; }).find("nothing") != std::string::npos);
    CHECK(refused([](auto& s) { s.data = ""; }) == "no data file is given");
    CHECK(refused([](auto& s) { s.eval_every = 2; }).find("eval_data") != std::string::npos);
    CHECK_FALSE(fs::exists(bench.folder.path() + "/bad/run.json"));
  }
}
