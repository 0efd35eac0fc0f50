// Training as a program sees it: a plan, a whole stage, a run that is stepped, stopped, watched and resumed.
#include <algorithm>
#include <filesystem>
#include <thread>

#include <fstream>
#include <iterator>
#include <llava/llava.hpp>

#include "fixture.hpp"
#include "support/doctest.hpp"

namespace {

llava_train_options ten_steps(Fixture& f) {
  auto options = f.training();
  options.data = options.eval_data = f.seen_path.c_str();
  options.image_root = LLAVA_TEST_DATA "/golden/model/pictures";
  options.steps = 10;
  options.learns = nullptr;
  return options;
}

std::string file_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string weights_of(const llava_train_options& options) {
  return file_of(std::string(options.out_dir) + "/model.safetensors");
}

bool has(const char* text, const char* part) { return std::string(text).find(part) != std::string::npos; }

double number(const llava_report* report, const char* name) {
  double value = -1;
  CAPTURE(name);
  CHECK(llava_report_number(report, name, &value) == LLAVA_OK);
  return value;
}

}  // namespace

TEST_SUITE("capi/train") {
  TEST_CASE("a plan counts and writes nothing") {
    auto& f = fixture();
    auto options = ten_steps(f);
    Owned<llava_report> report;
    REQUIRE(llava_train_plan(f.model_path.c_str(), &options, report.out()) == LLAVA_OK);
    CHECK(number(report, "steps") == 10);
    CHECK(number(report, "records") == 3);
    CHECK(number(report, "settings.batch") == 1);
    CHECK(number(report, "settings.lr") == 1e-3);
    CHECK(number(report, "learning") < number(report, "parameters"));
    CHECK(number(report, "snapshot_bytes") == 12 * number(report, "learning"));
    double value = 7;
    CHECK(llava_report_number(report, "settings", &value) == LLAVA_ERR_NOT_FOUND);
    CHECK(value == 0);
    CHECK_FALSE(std::filesystem::exists(options.out_dir));
    options.stage = 2;
    options.preset = "llava-2";
    CHECK(llava_train_plan(f.model_path.c_str(), &options, report.out()) == LLAVA_ERR_NOT_FOUND);
    CHECK(has(llava_last_error(), "there are llava-1.5 stage 1"));
  }

  TEST_CASE("ten steps, cancelled, gone on with, and an answer from what came out") {
    auto& f = fixture();
    auto whole = ten_steps(f), parts = ten_steps(f);
    Owned<llava_report> report;
    REQUIRE(llava_train_stage(f.model, &whole, report.out()) == LLAVA_OK);
    CHECK(number(report, "step") == 10);
    CHECK(number(report, "eval_loss") > 0);

    Owned<llava_cancel> cancel;
    REQUIRE(llava_cancel_create(cancel.out()) == LLAVA_OK);
    parts.cancel = cancel;
    parts.event_user_data = cancel.handle;
    parts.event = [](const char* event, void* token) -> int32_t {
      if (has(event, "\"step\":4,")) llava_cancel_cancel(static_cast<llava_cancel*>(token));
      return LLAVA_TRAIN_GO_ON;
    };
    CHECK(llava_train_stage(f.model, &parts, report.out()) == LLAVA_ERR_CANCELLED);
    CHECK(report.handle == nullptr);
    parts.event = nullptr;
    parts.cancel = nullptr;
    REQUIRE(llava_train_stage(f.model, &parts, report.out()) == LLAVA_OK);
    CHECK(has(llava_report_json(report), "checkpoints/step-00000004"));
    CHECK(weights_of(parts) == weights_of(whole));

    Owned<llava_model> model;
    Owned<llava_response> answer;
    REQUIRE(llava_load(parts.out_dir, nullptr, model.out()) == LLAVA_OK);
    CHECK(llava_ask(model, f.image, "What is this?", answer.out()) == LLAVA_OK);
  }

  TEST_CASE("where a run stands is told of the folder alone") {
    auto& f = fixture();
    Owned<llava_report> report;
    REQUIRE(llava_train_status(f.run_path.c_str(), report.out()) == LLAVA_OK);
    CHECK(number(report, "step") == 3);
    CHECK(has(llava_report_json(report), "\"state\":\"interrupted\""));
    auto options = ten_steps(f);
    Owned<llava_trainer> trainer;
    REQUIRE(llava_trainer_create(f.model_path.c_str(), &options, trainer.out()) == LLAVA_OK);
    REQUIRE(llava_train_status(options.out_dir, report.out()) == LLAVA_OK);
    CHECK(has(llava_report_json(report), "\"state\":\"running\""));
    llava_trainer_free(trainer.handle);
    trainer.handle = nullptr;
    REQUIRE(llava_train_status(options.out_dir, report.out()) == LLAVA_OK);
    CHECK(has(llava_report_json(report), "\"state\":\"left\""));
    CHECK(llava_train_status(f.folder.c_str(), report.out()) == LLAVA_ERR_NOT_FOUND);
    CHECK(has(llava_last_error(), "holds no run.json"));
  }

  TEST_CASE("stage 1 wants pictures") {
    auto& f = fixture();
    auto options = ten_steps(f);
    options.data = f.talk_path.c_str();
    Owned<llava_trainer> trainer;
    CHECK(llava_trainer_create(f.model_path.c_str(), &options, trainer.out()) == LLAVA_ERR_FORMAT);
    CHECK(has(llava_last_error(), "none of its 3 records has a picture"));
    Owned<llava_report> report;
    CHECK(llava_train_plan(f.model_path.c_str(), &options, report.out()) == LLAVA_ERR_FORMAT);
    CHECK_FALSE(std::filesystem::exists(options.out_dir));
  }

  TEST_CASE("a trainer: steps, metrics, a stop that saves, events") {
    auto& f = fixture();
    auto options = ten_steps(f);
    Owned<llava_trainer> trainer;
    REQUIRE(llava_trainer_create(f.model_path.c_str(), &options, trainer.out()) == LLAVA_OK);
    Sized<llava_train_metrics> metrics;
    CHECK(llava_trainer_metrics(trainer, metrics.get()) == LLAVA_OK);
    CHECK(metrics->step == 0);
    CHECK(metrics->steps == 10);
    CHECK(metrics->eval_loss == -1);
    CHECK(llava_trainer_run(trainer, 3) == LLAVA_OK);
    CHECK(llava_trainer_metrics(trainer, metrics.get()) == LLAVA_OK);
    CHECK(metrics->step == 3);
    CHECK(metrics->loss > 0);
    double loss = 0;
    CHECK(llava_trainer_evaluate(trainer, &loss) == LLAVA_OK);
    CHECK(loss > 0);
    CHECK(llava_trainer_request_stop(trainer) == LLAVA_OK);
    CHECK(llava_trainer_run(trainer, 100) == LLAVA_OK);  // at once
    CHECK(std::filesystem::exists(std::string(options.out_dir) + "/checkpoints/step-00000003"));
    CHECK(llava_trainer_run(trainer, 100) == LLAVA_END);
    CHECK(llava_trainer_run(trainer, 1) == LLAVA_END);
    CHECK(llava_trainer_metrics(trainer, metrics.get()) == LLAVA_OK);
    CHECK(metrics->finished == 1);
    int steps = 0;
    for (;;) {
      Owned<llava_string> event;
      const auto status = llava_trainer_next_event(trainer, -1, event.out());
      if (status == LLAVA_END) break;
      REQUIRE(status == LLAVA_OK);
      steps += has(llava_string_data(event), "\"event\":\"step\"");
    }
    CHECK(steps == 10);
  }

  TEST_CASE("three processes end with the bits of one; a rank that is killed is named, and the run goes on") {
    auto& f = fixture();
    auto alone = ten_steps(f), three = ten_steps(f);
    for (auto* options : {&alone, &three}) options->batch = 3, options->micro_batch = 1;
    Owned<llava_report> report;
    REQUIRE(llava_train_stage(f.model, &alone, report.out()) == LLAVA_OK);
    three.nproc = 3;
    three.zero = 3;
    three.save_every = 1;
    static int heard;
    heard = 0;
    three.event = [](const char* event, void*) -> int32_t {
      heard += has(event, "\"event\":\"step\"");
      if (!has(event, "\"step\":4,")) return LLAVA_TRAIN_GO_ON;
      const auto command =
          "pkill -9 -n -f 'llava-ran[k].*" + fixture().targets.back() + "'";  // the newest: not the first
      CHECK(std::system(command.c_str()) == 0);
      return LLAVA_TRAIN_GO_ON;
    };
    CHECK(llava_train_launch(f.model_path.c_str(), &three, report.out()) == LLAVA_ERR_DISTRIBUTED);
    CHECK(has(llava_last_error(), "rank"));
    CHECK(heard >= 4);
    three.event = [](const char* event, void*) -> int32_t { return has(event, "\"step\":7,") ? LLAVA_TRAIN_STOP : 0; };
    CHECK(llava_train_launch(f.model_path.c_str(), &three, report.out()) == LLAVA_ERR_CANCELLED);
    three.event = nullptr;
    three.nproc = 2;  // neutral
    REQUIRE(llava_train_launch(f.model_path.c_str(), &three, report.out()) == LLAVA_OK);
    CHECK(number(report, "ranks") == 2);
    CHECK(weights_of(three) == weights_of(alone));
    three.rank_program = "/nowhere/llava-rank";
    CHECK(llava_train_launch(f.model_path.c_str(), &three, report.out()) == LLAVA_ERR_NOT_FOUND);
    Owned<llava_trainer> trainer;
    CHECK(llava_trainer_create(f.model_path.c_str(), &three, trainer.out()) == LLAVA_ERR_UNSUPPORTED);
  }

  TEST_CASE("a second run in the same folder is refused while the first is open") {
    auto& f = fixture();
    const auto options = ten_steps(f);
    Owned<llava_trainer> first, second;
    REQUIRE(llava_trainer_create(f.model_path.c_str(), &options, first.out()) == LLAVA_OK);
    CHECK(llava_trainer_create(f.model_path.c_str(), &options, second.out()) == LLAVA_ERR_BUSY);
    first.out();
    CHECK(llava_trainer_create(f.model_path.c_str(), &options, second.out()) == LLAVA_OK);
  }

  TEST_CASE("paused, watched and freed from other threads while it runs") {
    auto& f = fixture();
    auto options = f.training();
    options.steps = 100000;
    llava_trainer* trainer = nullptr;
    REQUIRE(llava_trainer_create(f.model_path.c_str(), &options, &trainer) == LLAVA_OK);
    llava_status ended = LLAVA_END;
    std::thread worker([&] { ended = llava_trainer_run(trainer, 100000); });
    const auto wait_for = [&](const char* what) {
      for (;;) {
        Owned<llava_string> event;
        if (llava_trainer_next_event(trainer, 10000, event.out()) != LLAVA_OK) return false;
        if (has(llava_string_data(event), what)) return true;
      }
    };
    CHECK(wait_for("\"event\":\"step\""));
    CHECK(llava_trainer_run(trainer, 1) == LLAVA_ERR_BUSY);
    CHECK(llava_trainer_save(trainer) == LLAVA_ERR_BUSY);
    CHECK(llava_trainer_pause(trainer, 1) == LLAVA_OK);
    Owned<llava_string> event;
    while (llava_trainer_next_event(trainer, 300, event.out()) == LLAVA_OK) {  // until nothing comes any more
    }
    CHECK(llava_trainer_pause(trainer, 0) == LLAVA_OK);
    CHECK(wait_for("\"event\":\"step\""));
    llava_trainer_free(trainer);
    worker.join();
    CHECK(ended == LLAVA_OK);
    std::error_code none;
    CHECK(std::distance(std::filesystem::directory_iterator(std::string(options.out_dir) + "/checkpoints", none), {}) ==
          1);
  }

  TEST_CASE("what a callback answers: a stop, a failure") {
    auto& f = fixture();
    auto options = ten_steps(f);
    options.event = [](const char* event, void*) -> int32_t {
      return has(event, "\"step\":2,") ? LLAVA_TRAIN_STOP : 0;
    };
    Owned<llava_trainer> trainer;
    REQUIRE(llava_trainer_create(f.model_path.c_str(), &options, trainer.out()) == LLAVA_OK);
    CHECK(llava_trainer_run(trainer, 100) == LLAVA_OK);
    Sized<llava_train_metrics> metrics;
    CHECK(llava_trainer_metrics(trainer, metrics.get()) == LLAVA_OK);
    CHECK(metrics->step == 2);
    options = ten_steps(f);
    options.event = [](const char* event, void*) -> int32_t { return has(event, "\"step\":2,") ? -5 : 0; };
    Owned<llava_report> report;
    CHECK(llava_train_stage(f.model, &options, report.out()) == LLAVA_ERR_CALLBACK);
    CHECK(has(llava_last_error(), "answered -5"));
  }

  TEST_CASE("the C++ interface: a stage, and an exception that leaves it") {
    auto& f = fixture();
    const auto c = ten_steps(f);
    llava::TrainOptions options;
    options.data = c.data;
    options.image_root = c.image_root;
    options.out_dir = c.out_dir;
    options.batch = 1;
    options.steps = 10;
    options.epochs = 10;
    std::vector<std::string> events;
    options.event = [&](const std::string& event) {
      events.push_back(event);
      return true;
    };
    llava::Trainer trainer(f.model_path, options);
    CHECK_FALSE(trainer.run(1));
    CHECK(trainer.metrics().step == 1);
    const auto live = events.size();
    CHECK(trainer.run(20));
    CHECK(events.size() > live);
    CHECK(trainer.report().number("step") == 10);
    CHECK(trainer.next_event().has_value());
    const auto steps = std::ranges::count_if(
        events, [](const std::string& event) { return event.find("\"event\":\"step\"") != std::string::npos; });
    CHECK(steps == 10);
    options.out_dir += "-2";
    options.event = [](const std::string&) -> bool { throw std::runtime_error("mine"); };
    CHECK_THROWS_WITH_AS(llava::train_plan(f.model_path, options), "mine", std::runtime_error);
    options.event = {};
    CHECK(llava::train_plan(f.model_path, options).number("steps") == 10);
  }

  TEST_CASE("sample answers on the way are those of the model that comes out") {
    auto& f = fixture();
    for (const int64_t lora : {0, 2}) {
      const auto c = ten_steps(f);
      llava::TrainOptions options;
      options.stage = 2;
      options.data = c.data;
      options.image_root = c.image_root;
      options.out_dir = c.out_dir;
      options.batch = 1;
      options.steps = 8;
      options.lr = 3e-3;
      options.lora_r = lora;
      options.answer_every = 4;
      CHECK_THROWS_WITH(llava::Trainer(f.model_path, options),
                        doctest::Contains("there is neither answer_data nor eval_data to take questions from"));
      options.answer_data = c.data;
      std::vector<std::string> answers;
      options.event = [&](const std::string& event) {
        if (has(event.c_str(), "\"event\":\"answer\"")) answers.push_back(event);
        return true;
      };
      CHECK(llava::Trainer(f.model_path, options).run(100));
      REQUIRE(answers.size() == 6);
      CHECK(has(answers[0].c_str(), "\"step\":4,\"record\":1,\"question\":\"One?\",\"answer\":\""));
      CHECK(has(answers[5].c_str(), "\"step\":8,\"record\":3,\"question\":\"Three?\""));
      CHECK(has(answers[5].c_str(), "\"expected\":\"Nine.\""));
      CHECK(has(file_of(options.out_dir + "/metrics.jsonl").c_str(), "\"question\":\"Two?\""));

      llava::LoadOptions load;
      if (lora > 0) load.adapter = options.out_dir;
      llava::SessionOptions session;
      session.template_name = "v1";
      llava::ChatOptions greedy;
      greedy.temperature = 0;
      greedy.max_tokens = 64;
      const llava::Model model(lora > 0 ? f.model_path : options.out_dir, load);
      const auto said = llava::Session(model, session).chat(llava::Image(f.picture_path), "Three?", greedy).text();
      const auto begin = answers[5].find("\"answer\":") + 9, end = answers[5].find(",\"expected\"");
      const auto told = "{\"role\":\"user\",\"content\":" + answers[5].substr(begin, end - begin) + "}";
      CHECK(llava::Message::from_json(told).to_json() == llava::user(said).to_json());
    }
  }

  TEST_CASE("a device that is none, that is not there, or that several are to share is refused; a plan needs none") {
    auto& f = fixture();
    auto options = ten_steps(f);
    Owned<llava_report> report;
    Owned<llava_trainer> trainer;
    options.device = "gpu";
    CHECK(llava_train_plan(f.model_path.c_str(), &options, report.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(has(llava_last_error(), "device \"gpu\" is not known"));
    options.device = "cuda:99";
    const auto refused = llava_trainer_create(f.model_path.c_str(), &options, trainer.out());
    CHECK((refused == LLAVA_ERR_UNSUPPORTED || refused == LLAVA_ERR_NOT_FOUND));
    CHECK(has(llava_last_error(), "device \"cuda:99\""));
    CHECK_FALSE(std::filesystem::exists(options.out_dir));
    options.nproc = 2;
    CHECK(llava_train_launch(f.model_path.c_str(), &options, report.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(has(llava_last_error(), "a card for each process"));
    options.nproc = 1;
    options.device = nullptr;
    REQUIRE(llava_train_plan(f.model_path.c_str(), &options, report.out()) == LLAVA_OK);
    const double host = number(report, "memory.total");
    options.device = "cuda";
    REQUIRE(llava_train_plan(f.model_path.c_str(), &options, report.out()) == LLAVA_OK);
    CHECK(number(report, "memory.total") < host);
    CHECK(number(report, "memory.parameters") == 0);
    CHECK(number(report, "device_memory.parameters") == 16 * number(report, "learning"));
    CHECK(number(report, "device_memory.total") > number(report, "device_memory.weights"));
    CHECK(has(llava_report_json(report), "\"dtype\":\"bf16\""));
    options.dtype = LLAVA_DTYPE_F32;
    REQUIRE(llava_train_plan(f.model_path.c_str(), &options, report.out()) == LLAVA_OK);
    CHECK(number(report, "device_memory.parameters") == 16 * number(report, "learning"));
  }
}
