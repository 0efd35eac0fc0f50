// LoRA folders that cannot be used: each with its status and a message that names what is wrong.
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "checkpoint/adapter.hpp"
#include "checkpoints/support.hpp"
#include "weights/safetensors.hpp"

using namespace checkpoints_test;
using namespace llava::core;
using Tree = nlohmann::ordered_json;

namespace fs = std::filesystem;

namespace {

std::shared_ptr<const Bundle> rows_model() {
  static const auto bundle = load_bundle(kGolden + "hf_rows", {});
  return bundle;
}

// A copy of lora_hub that a test may spoil.
class Spoilt {
 public:
  Spoilt() { copy_folder(kGolden + "lora_hub", path()); }
  std::string path() const { return folder_ / "a"; }

  Spoilt& set(const char* key, const Tree& value) {
    const auto file = path() + "/adapter_config.json";
    auto json = Tree::parse(read_file(file, 1 << 20));
    json[key] = value;
    write_file_atomically(file, json.dump());
    return *this;
  }

  template <typename Change>  // bool(TensorView&): false leaves the tensor out
  Spoilt& tensors(Change&& change) {
    const auto file = path() + "/adapter_model.safetensors";
    const auto map = open_safetensors(kGolden + "lora_hub/adapter_model.safetensors");
    std::vector<TensorView> kept;
    for (auto view : map.all())
      if (change(view)) kept.push_back(view);
    write_safetensors(file, kept);
    return *this;
  }

  Error error(bool verify = false) const {
    AdapterOptions options;
    options.verify = verify;
    return error_of([&] { load_adapter(*rows_model(), path(), options); });
  }

 private:
  TemporaryFolder folder_;
};

void check(const Error& error, Status status, const std::vector<const char*>& pieces) {
  CAPTURE(error.message());
  CHECK(error.status() == status);
  for (const char* piece : pieces) CHECK(error.message().find(piece) != std::string::npos);
}

}  // namespace

TEST_SUITE("checkpoints/lora_bad") {
  TEST_CASE("what is not there is not found, and named") {
    const auto missing = [](const std::string& path) {
      return error_of([&] { load_adapter(*rows_model(), path, {}); });
    };
    const TemporaryFolder folder;
    check(missing(folder / "none"), Status::not_found, {"none does not exist"});
    check(missing(""), Status::argument, {"path is empty"});
    check(missing(folder.path()), Status::not_found, {"adapter_config.json"});
    check(missing(kGolden + "tokenizer.model"), Status::unsupported, {"is no folder"});
    const Spoilt bare;
    fs::remove(bare.path() + "/adapter_model.safetensors");
    check(bare.error(), Status::not_found, {"neither adapter_model.safetensors nor adapter_model.bin"});
  }

  TEST_CASE("damaged files") {
    const Spoilt config, weights, rest;
    write_file_atomically(config.path() + "/adapter_config.json", "{\"r\": 4,");
    check(config.error(), Status::format, {"adapter_config.json"});
    fs::resize_file(weights.path() + "/adapter_model.safetensors", 300);
    check(weights.error(), Status::format, {"adapter_model.safetensors"});
    write_file_atomically(rest.path() + "/non_lora_trainables.bin", "PK\x03\x04 and no more");
    check(rest.error(), Status::format, {"non_lora_trainables.bin"});
  }

  TEST_CASE("configurations with values that are none") {
    check(Spoilt().set("r", 0).error(), Status::format, {"r is 0"});
    check(Spoilt().set("r", nullptr).error(), Status::format, {": r "});
    check(Spoilt().set("lora_alpha", "8").error(), Status::format, {"lora_alpha is \"8\""});
    check(Spoilt().set("bias", "some").error(), Status::format, {"bias is \"some\""});
    check(Spoilt().set("target_modules", 5).error(), Status::format, {"target_modules is 5"});
    check(Spoilt().set("rank_pattern", Tree::array({1})).error(), Status::format,
          {"rank_pattern is a list of 1, expected an object"});
    check(Spoilt().set("rank_pattern", {{"v_proj", -2}}).error(), Status::format, {"rank_pattern", "v_proj is -2"});
  }

  TEST_CASE("what would be other numbers is refused by name, all in one message") {
    check(Spoilt().set("use_dora", true).set("init_lora_weights", "pissa_niter_4").error(), Status::unsupported,
          {"use_dora true", "init_lora_weights pissa_niter_4"});
    check(Spoilt().set("peft_type", "ADALORA").set("lora_bias", true).error(), Status::unsupported,
          {"peft_type ADALORA", "lora_bias true"});
    check(Spoilt().set("layer_replication", {{0, 2}}).error(), Status::unsupported, {"layer_replication a list of 1"});
    check(Spoilt().set("rank_pattern", {{"model.layers.*.q_proj", 2}}).error(), Status::unsupported,
          {"rank_pattern", "regular expression"});
    check(Spoilt()
              .tensors([](TensorView& view) {
                if (view.name.ends_with("lm_head.lora_A.weight"))
                  view.name = "base_model.model.language_model.lm_head.lora_magnitude_vector";
                return true;
              })
              .error(),
          Status::unsupported, {"lora_magnitude_vector"});
  }

  TEST_CASE("made for other shapes or layers: every tensor in one message") {
    const auto error = Spoilt()
                           .set("r", 3)
                           .tensors([](TensorView& view) {
                             const auto at = view.name.find("layers.1.self_attn.v_proj");
                             if (at != view.name.npos && view.name.find("language") != view.name.npos)
                               view.name.replace(at, 8, "layers.7");
                             return view.name.find("lm_head.lora_B") == view.name.npos;
                           })
                           .error();
    check(error, Status::unsupported,
          {"tensors were made for other shapes", "q_proj.lora_A.weight is [4, 16] f32, expected [3, 16]",
           "match nothing in the model", "layers.7.self_attn.v_proj", "lm_head.lora_A.weight has no lora_B beside it"});
  }

  TEST_CASE("halves without their other, tensors that are no numbers, names that mean one tensor") {
    check(
        Spoilt().tensors([](TensorView& view) { return view.name.find("linear_1.lora_A") == view.name.npos; }).error(),
        Status::format, {"1 tensors cannot be used", "linear_1.lora_B.weight has no lora_A beside it"});
    check(Spoilt()
              .tensors([](TensorView& view) {
                if (view.name.ends_with("linear_1.lora_A.weight")) {
                  view.dtype = DType::i32;
                }
                return true;
              })
              .error(),
          Status::format, {"linear_1.lora_A.weight is [4, 12] i32, expected f32, f16 or bf16"});
    const Spoilt twice;
    const auto map = open_safetensors(kGolden + "lora_hub/adapter_model.safetensors");
    std::vector<TensorView> views = map.all();
    for (const auto& view : map.all())
      if (view.name.ends_with("linear_1.lora_A.weight")) {
        views.push_back(view);
        views.back().name.insert(views.back().name.rfind("weight"), "other.");
      }
    write_safetensors(twice.path() + "/adapter_model.safetensors", views);
    check(twice.error(), Status::format, {"are one tensor"});
    check(Spoilt().tensors([](TensorView& view) { return false && view.name.empty(); }).error(), Status::format, {});
  }

  TEST_CASE("matrices that PEFT would not have put there") {
    check(Spoilt().set("target_modules", {"q_proj", "v_proj", "down_proj", "linear_1"}).error(), Status::format,
          {"not among target_modules", "lm_head"});
    check(Spoilt().set("layers_to_transform", {0}).error(), Status::format, {"layers.1.self_attn.q_proj"});
    const auto numbered = [](TensorView& view) { return view.name.find("layers.") != view.name.npos; };
    CHECK_NOTHROW(
        load_adapter(*rows_model(), Spoilt().tensors(numbered).set("layers_to_transform", {0, 1, 2}).path(), {}));
    check(Spoilt().set("layers_to_transform", 1).error(), Status::format, {"layers.0.self_attn.q_proj", "lm_head"});
  }

  TEST_CASE("blocks whose matrices were lost are named") {
    std::string heard;
    set_log_sink([&](LogLevel, std::string_view line) { heard.append(line); }, LogLevel::warning);
    load_adapter(*rows_model(), kGolden + "lora_hub", {});
    CHECK(heard == "");
    const auto lost = [](TensorView& view) {
      return view.name.find("model.layers.1.self_attn.q_proj") == view.name.npos;
    };
    load_adapter(*rows_model(), Spoilt().tensors(lost).path(), {});
    set_log_sink({});
    CHECK(heard.find("1 target_modules have no matrices: language_model.model.layers.1.self_attn.q_proj") !=
          heard.npos);
  }

  TEST_CASE("target_modules as an expression fits whole paths, as PEFT's; all-linear is all but the head") {
    const auto fits = [](const char* targets) {
      return load_adapter(*rows_model(), Spoilt().set("target_modules", targets).path(), {});
    };
    CHECK_NOTHROW(fits(R"(.*\.(q_proj|v_proj|down_proj|linear_1|lm_head))"));
    CHECK_NOTHROW(fits(R"((language_model|vision_tower|multi_modal_projector)(\.\w+)*\.([\w]+_(proj|1)|lm_head))"));
    CHECK_NOTHROW(fits(R"(\b.*)"));  // not evaluated: the tensors decide
    check(Spoilt().set("target_modules", "q_proj|v_proj|down_proj|linear_1|lm_head").error(), Status::format,
          {"14 tensors are not among target_modules", "layers.0.self_attn.q_proj"});
    check(Spoilt().set("target_modules", R"(.*\.layers\.0\..*|.*(linear_1|lm_head))").error(), Status::format,
          {"not among target_modules", "layers.1.self_attn.q_proj"});
    check(Spoilt().set("target_modules", "(q_proj").error(), Status::format, {"adapter_config.json: target_modules"});
    check(Spoilt().set("target_modules", "All-Linear").error(), Status::format,
          {"1 tensors are not among target_modules", "lm_head"});
  }

  TEST_CASE("another model's adapter: every tensor that has no place is told, ten by name") {
    const auto error = Spoilt()
                           .tensors([](TensorView& view) {
                             const auto at = view.name.find("language_model.model.");
                             if (at != view.name.npos) view.name.replace(at, 21, "transformer.");
                             return true;
                           })
                           .error();
    check(error, Status::unsupported, {"6 tensors match nothing in the model", "transformer.layers.0.mlp.down_proj"});
  }

  TEST_CASE("torch's files of an adapter are refused where the model's are") {
    auto bundle = std::make_shared<Bundle>(*rows_model());
    bundle->allow_pickle = false;
    const Spoilt spoilt;
    CHECK_NOTHROW(load_adapter(*bundle, spoilt.path(), {}));
    write_file_atomically(spoilt.path() + "/non_lora_trainables.bin", "PK");
    check(error_of([&] { load_adapter(*bundle, spoilt.path(), {}); }), Status::unsupported,
          {"non_lora_trainables.bin: a torch file", "(allow_pickle is 0); safetensors are read"});
  }

  TEST_CASE("NaN is found when asked") {
    static const float nan[48] = {std::numeric_limits<float>::quiet_NaN()};
    Spoilt spoilt;
    spoilt.tensors([](TensorView& view) {
      if (view.name.ends_with("linear_1.lora_A.weight")) view.data = reinterpret_cast<const std::byte*>(nan);
      return true;
    });
    check(spoilt.error(/*verify=*/true), Status::format, {"linear_1.lora_A.weight", "NaN"});
  }

  TEST_CASE("a plan tells what is wrong with model and adapter in one list; a load throws it") {
    const Spoilt spoilt;
    fs::remove(spoilt.path() + "/adapter_config.json");
    LoadOptions options;
    options.adapter = spoilt.path();
    const auto plan = plan_load(kGolden + "hf_rows", options);
    REQUIRE(plan.problems.size() == 1);
    check(plan.problems[0], Status::not_found, {"adapter_config.json"});
    check(error_of([&] { load_bundle(kGolden + "hf_rows", options); }), Status::not_found, {"adapter_config.json"});
    options.adapter = kGolden + "lora_hub";
    options.adapter_scale = std::numeric_limits<double>::quiet_NaN();
    CHECK(error_of([&] { load_bundle(kGolden + "hf_rows", options); }).status() == Status::argument);
  }
}
