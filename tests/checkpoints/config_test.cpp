// What config.json and its companions ask for and nobody would compute: refused, or told of, with the place.
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "checkpoints/support.hpp"

using namespace llava::core;
using namespace checkpoints_test;

namespace {

/// A small model whose config.json has `with` where `text` was.
class ChangedModel {
 public:
  ChangedModel(const std::string& text, const std::string& with) {
    copy_folder(kGolden + "hf_rows", path());
    auto config = read_file(path() + "/config.json", 1 << 20);
    const auto place = config.find(text);
    REQUIRE(place != config.npos);
    config.replace(place, text.size(), with);
    folder_.write("m/config.json", config);
  }
  std::string path() const { return folder_ / "m"; }

  /// The failure of a plan, "" for none.
  std::string failure(Status expected) const {
    try {
      require_loadable(plan_load(path(), {}));
    } catch (const Error& error) {
      CHECK(error.status() == expected);
      return error.message();
    }
    return "";
  }

 private:
  TemporaryFolder folder_;
};

/// Everything that is logged while it lives.
struct Heard {
  explicit Heard(LogLevel lowest) {
    set_log_sink([this](LogLevel, std::string_view line) { lines.append(line).append("\n"); }, lowest);
  }
  ~Heard() { set_log_sink({}); }
  std::string lines;
};

}  // namespace

TEST_SUITE("checkpoints/config") {
  TEST_CASE("keys that would change numbers are refused, with folder and key") {
    const std::pair<const char*, const char*> keys[] = {
        {"\"text_config\": {", "\"quantization_config\": {\"load_in_4bit\": true},\n  \"text_config\": {"},
        {"\"vocab_size\"", "\"quantization_config\": {\"bits\": 4}, \"vocab_size\""},
        {"\"vocab_size\"", "\"partial_rotary_factor\": 0.5, \"vocab_size\""},
        {"\"vocab_size\"", "\"rope_parameters\": {\"partial_rotary_factor\": 0.5}, \"vocab_size\""}};
    for (const auto& [text, with] : keys) {
      const ChangedModel model(text, with);
      const auto message = model.failure(Status::unsupported);
      CAPTURE(message);
      CHECK(message.starts_with(model.path() + "/config.json: "));
      CHECK((message.find("quantization_config") != message.npos ||
             message.find("partial_rotary_factor is 0.5") != message.npos));
    }
  }

  TEST_CASE("keys that are harmless or say nothing are accepted without a word") {
    const Heard heard(LogLevel::warning);
    const ChangedModel model("\"vocab_size\"", "\"partial_rotary_factor\": 1.0, \"use_cache\": true, \"vocab_size\"");
    CHECK(model.failure(Status::ok) == "");
    for (const auto* name : {"hf_rows", "hf_layers", "hf_mistral", "hf_ties"}) plan_load(kGolden + name, {});
    CHECK(heard.lines == "");
  }

  TEST_CASE("a key nobody knows is named in a warning, with folder and section") {
    const Heard heard(LogLevel::warning);
    const ChangedModel model("\"vocab_size\"", "\"logit_cap\": 3.0, \"vocab_size\"");
    CHECK(model.failure(Status::ok) == "");
    CHECK(heard.lines == model.path() + "/config.json: text_config: keys that are not used: logit_cap\n");
  }

  TEST_CASE("a fault of config.json or a companion names the folder") {
    const ChangedModel model("\"text_config\"", "\"texts\"");
    CHECK(model.failure(Status::not_found).starts_with(model.path() + ": config.json: "));
    const ChangedModel other("\"vocab_size\": 320", "\"vocab_size\": -1");
    CHECK(other.failure(Status::format).starts_with(other.path() + "/config.json: text_config"));
  }

  TEST_CASE("a list of end tokens has at least one") {
    const ChangedModel model("\"vocab_size\"", "\"eos_token_id\": [], \"vocab_size\"");
    CHECK(model.failure(Status::format).find("text_config: eos_token_id is [], expected an id or a list") !=
          std::string::npos);
    const ChangedModel other("\"vocab_size\"", "\"vocab_size\"");
    for (const auto* ids : {"[]", "[2, 1000000]", "\"2\"", "-1"}) {
      CAPTURE(ids);
      std::ofstream(other.path() + "/generation_config.json") << "{\"eos_token_id\": " << ids << "}";
      CHECK(other.failure(Status::format).find("generation_config.json: eos_token_id") != std::string::npos);
    }
    std::ofstream(other.path() + "/generation_config.json") << "{\"eos_token_id\": [1, 2]}";
    CHECK(plan_load(other.path(), {}).checkpoint.defaults.eos == std::vector<int64_t>{1, 2});
  }

  TEST_CASE("a preprocessor_config.json that is not there is told of") {
    const Heard heard(LogLevel::info);
    const ChangedModel model("\"vocab_size\"", "\"vocab_size\"");
    std::filesystem::remove(model.path() + "/preprocessor_config.json");
    const auto plan = plan_load(model.path(), {});
    CHECK(heard.lines.find("preprocessor_config.json is absent") != std::string::npos);
    REQUIRE(plan.checkpoint.notes.size() == 1);
    CHECK(plan.checkpoint.notes[0].starts_with(model.path() + "/preprocessor_config.json is absent"));
  }
}
