// Every published layout against what transformers computes from the same tensors (tests/checkpoints/make.py).
#include <ATen/ops/equal.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "checkpoints/support.hpp"
#include "weights/safetensors.hpp"

using namespace checkpoints_test;
using namespace llava::core;
using Tree = nlohmann::json;

namespace {

struct Case {
  std::string model, expected, layout, family;
  std::string vision_tower, projector;  // options
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"hf_layers", "hf_layers", "hf-5", "llava-1.5", "", ""},
      {"hf_layers_full", "hf_layers_full", "hf", "llava-1.5", "", ""},
      {"hf_rows", "hf_rows", "hf", "llava-1.5", "", ""},
      {"hf_mistral", "hf_mistral", "hf", "llava-1.5", "", ""},
      {"original_v15", "original_v15", "original", "llava-1.5", "", ""},
      {"original_inside", "original_inside", "original", "llava-1.5", "", ""},
      {"original_v0", "original_v0", "original", "llava-v0", "", ""},
      {"parts_base", "parts_projector", "parts", "llava-1.5", "parts_clip", "parts_projector/mm_projector.safetensors"},
      {"parts_base", "parts_projector", "parts", "llava-1.5", "parts_clip", "parts_projector/mm_projector.bin"},
  };
  return all;
}

LoadOptions options_of(const Case& sample) {
  LoadOptions options;
  if (!sample.vision_tower.empty()) options.vision_tower = kGolden + sample.vision_tower;
  if (!sample.projector.empty()) options.projector = kGolden + sample.projector;
  return options;
}

}  // namespace

TEST_SUITE("checkpoints/layouts") {
  TEST_CASE("logits of every layout equal the reference, and so do greedy ids through the cache") {
    const Variable cache("HF_HUB_CACHE", kGolden + "hub");
    for (const auto& sample : cases()) {
      CAPTURE(sample.model);
      const auto bundle = load_bundle(kGolden + sample.model, options_of(sample));
      CHECK(bundle->layout == sample.layout);
      CHECK(bundle->family == sample.family);
      const Golden golden(kGolden + sample.expected + "/expected.safetensors");
      CHECK(distance(logits_of(*bundle, golden), golden.tensor("logits")) <= 1e-4);
      CHECK(greedy_of(*bundle, golden) == golden.integers("greedy"));
    }
  }

  TEST_CASE("a plan says of every layout what a load finds, and what it would take") {
    const Variable cache("HF_HUB_CACHE", kGolden + "hub");
    for (const auto& sample : cases()) {
      CAPTURE(sample.model);
      const auto options = options_of(sample);
      const auto plan = plan_load(kGolden + sample.model, options);
      CHECK(plan.problems.empty());
      const auto json = Tree::parse(plan_json(plan));
      CHECK(json.at("layout") == sample.layout);
      CHECK(json.at("loadable") == true);
      CHECK(json.at("template").at("why").get<std::string>() != "");
      const auto bundle = load_bundle(kGolden + sample.model, options);
      CHECK(bundle->parameters == plan.checkpoint.parameters);
      const auto& mode = json.at("pictures").at("mode");
      CHECK(mode == (bundle->tiling ? "anyres" : bundle->preprocess.do_pad ? "pad" : "square"));
      CHECK(json.at("pictures").at("named") == !bundle->aspect_ratio_open);
      const auto& memory = json.at("memory").at("cpu");
      CHECK(memory.at("f32").at("weight_bytes").get<int64_t>() > memory.at("stored").at("weight_bytes").get<int64_t>());
      CHECK(json.at("memory").at("cuda").at("stored").at("cache_bytes_per_token").get<int64_t>() ==
            memory.at("stored").at("cache_bytes_per_token").get<int64_t>() / 2);  // f16 beside f32
    }
  }

  TEST_CASE("only text_config's tie_word_embeddings counts; an absent head is the embeddings") {
    const auto source = kGolden + "hf_ties";
    const Golden golden(source + "/expected.safetensors");
    const auto config = Tree::parse(read_file(source + "/config.json", 1 << 20));
    const auto weights = open_safetensors(source + "/model.safetensors");
    std::vector<TensorView> headless;
    for (const auto& view : weights.all())
      if (view.name.find("lm_head") == view.name.npos) headless.push_back(view);
    REQUIRE(headless.size() + 1 == weights.size());
    const Tree choices[] = {Tree(), Tree(true), Tree(false)};
    for (const bool has_head : {true, false})
      for (const auto& above : choices)
        for (const auto& inside : choices) {
          CAPTURE(has_head);
          CAPTURE(above.dump());
          CAPTURE(inside.dump());
          const TemporaryFolder folder;
          copy_folder(source, folder.path() + "/m");
          auto changed = config;
          changed.erase("tie_word_embeddings");
          changed.at("text_config").erase("tie_word_embeddings");
          if (!above.is_null()) changed["tie_word_embeddings"] = above;
          if (!inside.is_null()) changed["text_config"]["tie_word_embeddings"] = inside;
          folder.write("m/config.json", changed.dump());
          if (!has_head) write_safetensors(folder.path() + "/m/model.safetensors", headless);
          const auto bundle = load_bundle(folder.path() + "/m", {});
          const bool tied = inside == Tree(true) || !has_head;  // transformers: as here, but random without a head
          CHECK(distance(logits_of(*bundle, golden), golden.tensor(tied ? "logits_tied" : "logits")) <= 1e-4);
        }
  }

  TEST_CASE("v0 wraps pictures in its two tokens") {
    const auto bundle = load_bundle(kGolden + "original_v0", {});
    CHECK(bundle->image_marks.begin == 302);
    CHECK(bundle->image_marks.end == 303);
    Conversation conversation;
    conversation.messages.push_back({Role::user, {core::Part::image(), core::Part::words("What?")}});
    PromptOptions options;
    options.image_marks = bundle->marks_for(*bundle->chat_template);
    const auto prompt = build_prompt(*bundle->tokenizer, *bundle->chat_template, conversation, options);
    const auto place = std::find(prompt.ids.begin(), prompt.ids.end(), kImageToken);
    REQUIRE(place != prompt.ids.end());
    CHECK(*(place - 1) == 302);
    CHECK(*(place + 1) == 303);
    CHECK(prompt.text.find("<im_start><image><im_end>\nWhat?") != std::string::npos);
    CHECK(bundle->chat_template->key == "llava_v0");
    CHECK(bundle->marks_for(find_template("none")).begin == -1);
  }

  TEST_CASE("the picture shape of an original checkpoint follows image_aspect_ratio") {
    const Variable cache("HF_HUB_CACHE", kGolden + "hub");
    CHECK(load_bundle(kGolden + "original_v15", {})->preprocess.do_pad);
    CHECK_FALSE(load_bundle(kGolden + "original_v0", {})->preprocess.do_pad);
  }

  TEST_CASE("all faults of a load stand in one message") {
    const TemporaryFolder folder;
    copy_folder(kGolden + "hf_rows", folder.path() + "/m");
    const auto weights = open_safetensors(kGolden + "hf_rows/model.safetensors");
    std::vector<TensorView> kept;
    for (const auto& view : weights.all())
      if (view.name.find("q_proj") == view.name.npos) kept.push_back(view);
    for (auto& view : kept)
      if (view.name.ends_with("linear_1.bias")) view.shape = {2, static_cast<int64_t>(view.shape[0] / 2)};
    write_safetensors(folder.path() + "/m/model.safetensors", kept);
    std::filesystem::remove(folder.path() + "/m/tokenizer.model");
    const auto error = error_of([&] { load_bundle(folder.path() + "/m", {}); });
    CHECK(error.status() == Status::format);
    for (const char* piece : {"linear_1.bias is [2, 8] f16, config.json expects [16]", "tensors are missing",
                              "language.layers.0.self_attn.q_proj.weight",
                              "vision.encoder.layers.0.self_attn.q_proj.bias", "tokenizer.model"})
      CHECK(error.message().find(piece) != std::string::npos);
    const auto plan = plan_load(folder.path() + "/m", {});
    CHECK(plan.problems.size() == 3);
    CHECK(Tree::parse(plan_json(plan)).at("loadable") == false);
  }
}
