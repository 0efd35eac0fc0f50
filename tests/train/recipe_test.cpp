// What a recipe comes to for a model and a file: how pictures are prepared, and said to be in the result; a warm-up that
// leaves steps without learning; samples that are cut.
#include <algorithm>
#include <filesystem>

#include "base/json.hpp"
#include "checkpoint/adapter.hpp"
#include "checkpoint/plan.hpp"
#include "image/decode.hpp"
#include "train/lengths.hpp"
#include "train/run_plan.hpp"
#include "train/run_support.hpp"
#include "train/sample_rules.hpp"
#include "train/schedule.hpp"

using namespace llava::core;
using namespace run_test;

namespace fs = std::filesystem;

namespace {

const std::string kCheckpoints = LLAVA_TEST_DATA "/checkpoints/golden/";

// A language model and a tower that nobody has put together yet.
RunSettings two_bases(const Bench& bench, const std::string& out, int64_t stage = 2) {
  auto settings = bench.settings(out, stage);
  settings.model = kCheckpoints + "parts_base";
  settings.load.vision_tower = kCheckpoints + "parts_clip";
  settings.load.new_projector = {"mlp2x_gelu", 7};
  settings.epochs = 1;
  settings.warmup_ratio = 0;
  settings.template_name = "plain";  // the base has room for 128 positions
  return settings;
}

// Pixels of the first record as a run of these settings sees them.
std::vector<float> pixels_in_training(RunSettings settings) {
  auto plan = plan_load(settings.model, settings.load);
  require_loadable(plan);
  fit_to_model(settings, plan.checkpoint);
  const auto data = open_data(settings.data, settings, plan.checkpoint, {}, {});
  return load_sample(*data.index, *data.maker, 0, data.pictures, {}).pixels.at(0).values;
}

std::vector<float> pixels_of(const Checkpoint& model) {
  const auto file = read_file(kPictures + "/baseline-420.jpg", 1 << 20);  // 53 x 37
  const std::span bytes(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  return preprocess(decode_picture(bytes, "baseline-420.jpg"), model.preprocess).values;
}

Json json_in(const std::string& path) { return parse_json(read_file(path, 1 << 20), path); }

// What the settings come to for a copy of the tiny model whose file says so.
std::string shape_for(const char* do_pad, int64_t stage) {
  const Bench bench;
  auto settings = bench.settings("out", stage);
  settings.model = bench.folder.path() + "/model";
  fs::copy(kTiny, settings.model, fs::copy_options::recursive);
  auto rules = json_in(settings.model + "/preprocessor_config.json");
  if (do_pad) rules.set("do_pad", std::string_view(do_pad) == "true");
  write_file_atomically(settings.model + "/preprocessor_config.json", rules.dump());
  auto plan = plan_load(settings.model, {});
  fit_to_model(settings, plan.checkpoint);
  CHECK(plan.checkpoint.preprocess.do_pad == (settings.image_aspect_ratio == "pad"));
  return settings.image_aspect_ratio + (plan.checkpoint.aspect_ratio_open ? ", open" : "");
}

std::vector<Json> events_of(const RunSettings& settings, const std::string& kind, Json* summary = nullptr) {
  std::vector<Json> events;
  TrainingRun training(settings,
                       [&](const Json& event) {
                         if (event.at("event").string() == kind) events.push_back(event);
                       },
                       {});
  while (!training.finished()) training.step();
  training.save();
  if (summary) *summary = training.summary();
  return events;
}

}  // namespace

TEST_SUITE("train/recipe") {
  TEST_CASE("stage 2 of llava-1.5 pads pictures, from two bases too, and its result prepares them alike") {
    const Bench bench;
    const auto settings = two_bases(bench, "out");
    const auto losses = run(settings);
    const auto result = load_bundle(settings.out, {});
    CHECK(result->preprocess.do_pad);
    CHECK(pixels_of(*result) == pixels_in_training(settings));
    CHECK(json_in(settings.out + "/preprocessor_config.json").at("do_pad").boolean());
    CHECK(json_in(settings.out + "/preprocessor_config.json").at("image_processor_type").string() ==
          "LlavaImageProcessor");
    auto padded = two_bases(bench, "padded"), cropped = two_bases(bench, "cropped");
    padded.image_aspect_ratio = "pad";
    cropped.image_aspect_ratio = "square";
    CHECK(run(padded) == losses);
    CHECK(run(cropped) != losses);
    const auto other = load_bundle(cropped.out, {});
    CHECK(pixels_of(*other) == pixels_in_training(cropped));
    CHECK(pixels_of(*other) != pixels_of(*result));
    auto further = cropped;  // another stage keeps what the model's own files say
    further.model = cropped.out;
    further.load = {};
    further.image_aspect_ratio.clear();
    CHECK(pixels_in_training(further) == pixels_of(*other));
  }

  TEST_CASE("stage 1 crops, and leaves the choice to stage 2") {
    const Bench bench;
    auto first = two_bases(bench, "first", 1);
    run(first);
    CHECK_FALSE(load_bundle(first.out, {})->preprocess.do_pad);
    CHECK_FALSE(json_in(first.out + "/preprocessor_config.json").contains("do_pad"));
    auto second = bench.settings("second");
    second.model = first.out;
    second.template_name = first.template_name;
    run(second);
    CHECK(load_bundle(second.out, {})->preprocess.do_pad);
  }

  TEST_CASE("what a model's files say of its pictures is kept; what they do not say is the preset's") {
    CHECK(shape_for(nullptr, 1) == "square, open");
    CHECK(shape_for(nullptr, 2) == "pad");
    CHECK(shape_for("false", 2) == "square");
    CHECK(shape_for("true", 1) == "pad");
    const auto of_original = [](const char* name, const char* key, const Json& value) {
      const TemporaryFolder folder;
      const auto path = folder.path() + "/model";
      fs::copy(kCheckpoints + name, path, fs::copy_options::recursive);
      auto config = json_in(path + "/config.json");
      config.set("image_aspect_ratio", "square");
      config.set(key, value);
      write_file_atomically(path + "/config.json", config.dump());
      LoadOptions load;
      load.vision_tower = kCheckpoints + "v0-clip";
      auto plan = plan_load(path, load);
      auto settings = preset_settings("llava-1.5", 2);
      fit_to_model(settings, plan.checkpoint);
      return settings.image_aspect_ratio;
    };
    CHECK(of_original("original_v0", "image_aspect_ratio", "pad") == "pad");
    CHECK(of_original("original_v0", "tune_mm_mlp_adapter", false) == "square");
    CHECK(of_original("original_v0", "tune_mm_mlp_adapter", true) == "pad");  // what stage 1 of the original leaves
  }

  TEST_CASE("what the original's files say of the training they came from is not said of what comes out") {
    const Bench bench;
    const auto model = bench.folder.path() + "/model";
    fs::copy(kCheckpoints + "original_v15", model, fs::copy_options::recursive);
    auto config = json_in(model + "/config.json");
    for (const char* flag : {"tune_mm_mlp_adapter", "freeze_mm_mlp_adapter", "unfreeze_mm_vision_tower"})
      config.set(flag, true);
    config.set("mm_projector_lr", 2e-5);
    config.set("pretrain_mm_mlp_adapter", "/home/somebody/mm_projector.bin");
    write_file_atomically(model + "/config.json", config.dump());
    auto settings = bench.settings("out");
    settings.model = model;
    settings.load.vision_tower = kCheckpoints + "parts_clip";
    settings.template_name = "plain";
    settings.lora.rank = 2;
    settings.learns = "projector.*";
    settings.epochs = 1;
    settings.torch_files = true;
    run(settings);
    const auto written = json_in(settings.out + "/config.json");
    for (const char* gone :
         {"tune_mm_mlp_adapter", "freeze_mm_mlp_adapter", "mm_projector_lr", "pretrain_mm_mlp_adapter"}) {
      CAPTURE(gone);
      CHECK_FALSE(written.contains(gone));
    }
    CHECK(written.at("unfreeze_mm_vision_tower").boolean());  // where the tower's weights lie
    CHECK(written.at("mm_projector_type").string() == config.at("mm_projector_type").string());
  }

  TEST_CASE("a run does not go on with pictures of another shape") {
    const Bench bench;
    auto settings = bench.settings("out");
    run(settings, 1);
    settings.image_aspect_ratio = "square";
    const auto error = error_of([&] { run(settings); });
    CHECK(error.status() == Status::argument);
    CHECK(error.message().find(R"(image_aspect_ratio is "square" now and was "pad")") != std::string::npos);
    settings.image_aspect_ratio = "round";
    CHECK(error_of([&] { run(settings); }).message() == R"(image_aspect_ratio is "round", expected "pad" or "square")");
  }

  TEST_CASE("the order of sums is a run's own: its last digits, its memory; a run does not go on with another") {
    const Bench bench;
    auto settings = bench.settings("tree");
    settings.micro_batch = 1;  // four a step
    const auto tree = plan_run(settings, {}, {});
    run(settings);
    settings.out = bench.folder.path() + "/chain";
    settings.sum_order = SumOrder::chain;
    const auto chain = plan_run(settings, {}, {});
    run(settings, 2);
    run(settings);
    CHECK(weights_of(settings.out) != weights_of(bench.folder.path() + "/tree"));
    CHECK(tree.at("settings").at("sum_order").string() == "tree");
    CHECK(chain.at("settings").at("sum_order").string() == "chain");
    CHECK(tree.at("memory").at("sums").integer() == 2 * chain.at("memory").at("sums").integer());
    CHECK(chain.at("memory").at("sums").integer() == 4 * chain.at("learning").integer());
    settings.sum_order = SumOrder::tree;
    CHECK(error_of([&] { run(settings); }).message().find(R"(sum_order is "tree" now and was "chain")") !=
          std::string::npos);
  }

  TEST_CASE("wsd goes down over the last steps, as many as the ratio says") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.decay_ratio = 0.5;
    CHECK(error_of([&] { run(settings); }).message() == "schedule is cosine, expected wsd where decay_ratio is set");
    settings.schedule = Schedule::Shape::wsd;
    settings.warmup_steps = 0;
    CHECK(plan_run(settings, {}, {}).at("settings").at("decay_steps").integer() == 3);
    std::vector<double> rates;
    for (const auto& event : events_of(settings, "step")) rates.push_back(event.at("lr").number() / settings.lr);
    REQUIRE(rates.size() == 6);
    for (size_t i = 0; i < 6; ++i) CHECK(rates[i] == doctest::Approx(i < 3 ? 1 : static_cast<double>(6 - i) / 3));
    settings.decay_ratio = 1.5;
    CHECK(error_of([&] { run(settings); }).message() == "decay_ratio is 1.5, expected 0 to 1");
  }

  TEST_CASE("an adapter brings the shape it was trained with") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.lora.rank = 2;
    settings.learns = "projector.*";
    settings.epochs = 1;
    run(settings);
    LoadOptions load;
    load.adapter = settings.out;
    const auto tuned = load_bundle(kTiny, load);
    CHECK(tuned->preprocess.do_pad);
    CHECK_FALSE(tuned->base->preprocess.do_pad);
    CHECK(pixels_of(*tuned) == pixels_in_training(settings));
  }

  TEST_CASE("a warm-up as long as the run is told by plan and run: the first step has rate 0, as published") {
    CHECK(warm_up_warning({Schedule::Shape::cosine, 2181, 66}).empty());
    CHECK(warm_up_warning({Schedule::Shape::cosine, 10, 1}).empty());
    CHECK(warm_up_warning({Schedule::Shape::cosine, 1, 0}).empty());
    CHECK(warm_up_warning({Schedule::Shape::cosine, 6, 1})
              .find("6 steps, 1 of warm-up, which begins at learning rate "
                    "0: step 1 of 6 learns nothing; set warmup_steps to 0 "
                    "(--warmup 0)") == 0);
    CHECK(warm_up_warning({Schedule::Shape::linear, 20, 30}).find("the peak") != std::string::npos);
    const Bench bench;
    auto settings = bench.settings("out");
    settings.batch = settings.micro_batch = 16;  // more than there are records: one step
    settings.epochs = 1;
    const auto plan = plan_run(settings, {}, {});
    CHECK(plan.at("warnings").at(0).string().find("no step learns") != std::string::npos);
    const auto told = events_of(settings, "warning");
    REQUIRE(told.size() == 1);
    CHECK(told[0].at("message").string() == plan.at("warnings").at(0).string());
    settings.out += "-2";
    settings.warmup_steps = 0;
    CHECK(plan_run(settings, {}, {}).at("warnings").size() == 0);
    CHECK(events_of(settings, "warning").empty());
  }

  TEST_CASE(
      "samples that are cut are named once and counted, by plan, run and record; the length is the one that holds") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.warmup_steps = 0;
    const auto whole = plan_run(settings, {}, {});
    CHECK(whole.at("settings").at("max_length").integer() == plan_load(kTiny, {}).checkpoint.context);
    settings.max_length = whole.at("tokens").at("longest").integer() - 2;
    const auto plan = plan_run(settings, {}, {});
    const auto cut = plan.at("cut").integer();
    REQUIRE(cut > 0);
    REQUIRE(cut < kRecords);
    const auto& first = plan.at("cut_first").at(0);
    const auto name = cat("record ", first.at("record").integer(), " (id \"", first.at("id").string(),
                          "\"): ", first.at("length").integer(), " positions");
    Json summary;
    const auto told = events_of(settings, "warning", &summary);
    REQUIRE(told.size() == 1);
    const auto message = told[0].at("message").string();
    CHECK(message.find(cat("longer than max_length, ", settings.max_length)) != std::string::npos);
    CHECK(message.find(R"((id "r)") != std::string::npos);
    if (cut == 1) CHECK(message.find(name) != std::string::npos);
    CHECK(summary.at("cut").integer() == 2 * cut);  // in two epochs
    int64_t noted = 0;
    for (const auto& line : lines_of(settings.out + "/metrics.jsonl"))
      if (const auto json = parse_json(line, "metrics"); json.contains("cut")) noted += json.at("cut").integer();
    CHECK(noted == 2 * cut);
    TrainingRun again(settings, {}, {});
    CHECK(again.summary().at("cut").integer() == 2 * cut);
  }

  TEST_CASE(
      "grouped looks at every record once a run: who goes on reads what was found, unless it is damaged or another's") {
    const Bench bench;
    auto settings = bench.settings("out");
    settings.order = OrderKind::grouped;
    const auto looks = [&](int64_t steps) {
      int64_t count = 0;
      TrainingRun training(settings,
                           [&](const Json& event) {
                             const auto* phase = event.find("phase");
                             count += phase && phase->string() == "lengths";
                           },
                           {});
      while (steps-- > 0) training.step();
      training.save();
      return count;
    };
    const auto path = settings.out + "/lengths.bin";
    CHECK(looks(1) > 0);
    const auto found = read_file(path, 1 << 20);
    CHECK(looks(1) == 0);
    write_file_atomically(path, found.substr(0, found.size() - 1) + "x");
    CHECK(looks(1) > 0);
    CHECK(read_file(path, 1 << 20) == found);
    auto whole = settings;
    whole.out += "-whole";
    run(whole);
    run(settings);
    CHECK(weights_of(settings.out) == weights_of(whole.out));
    auto text = read_file(bench.data, 1 << 20);
    text.replace(text.find("A number"), 8, "A much longer number");
    std::ofstream(bench.data) << text;
    const auto plan = plan_load(kTiny, {});
    const auto data = open_data(bench.data, settings, plan.checkpoint, {}, {});
    const auto others = order_lengths(data, settings, true, {}, {});
    CHECK(read_file(path, 1 << 20) != found);
    CHECK(order_lengths(data, settings, false, [](auto...) { FAIL("reads again"); }, {}) == others);
    fs::remove(path);
    fs::create_directories(path + "/somebody's");
    CHECK(order_lengths(data, settings, true, {}, {}) == others);  // it is told, and no run stops for it
  }
}
