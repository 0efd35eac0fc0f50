// Names: of tensors in each layout, of models in each kind of folder, and the template that follows from them.
#include "checkpoint/folder.hpp"
#include "checkpoints/support.hpp"
#include "model/weight_names.hpp"

using namespace checkpoints_test;
using namespace llava::core;

namespace fs = std::filesystem;

TEST_SUITE("checkpoints/names") {
  TEST_CASE("the same tensor in every layout") {
    const auto layers = std::string("language.layers.3.mlp.up_proj.weight");
    CHECK(canonical_name("language_model.model.layers.3.mlp.up_proj.weight") == layers);
    CHECK(canonical_name("model.language_model.layers.3.mlp.up_proj.weight") == layers);
    CHECK(canonical_name("model.layers.3.mlp.up_proj.weight") == layers);
    const auto norm = std::string("vision.pre_layrnorm.bias");
    for (const char* published :
         {"vision_tower.vision_model.pre_layrnorm.bias", "model.vision_tower.vision_model.pre_layrnorm.bias",
          "model.vision_tower.vision_tower.vision_model.pre_layrnorm.bias", "vision_model.pre_layrnorm.bias"})
      CHECK(canonical_name(published) == norm);
    CHECK(canonical_name("model.mm_projector.weight") == "projector.linear_1.weight");
    CHECK(canonical_name("model.mm_projector.0.bias") == "projector.linear_1.bias");
    CHECK(canonical_name("model.mm_projector.4.bias") == "projector.linear_3.bias");
    CHECK(canonical_name("multi_modal_projector.linear_2.weight") == "projector.linear_2.weight");
    CHECK(canonical_name("lm_head.weight") == canonical_name("language_model.lm_head.weight"));
    CHECK(canonical_name("transformer.wte.weight").empty());
  }

  TEST_CASE("what is written under a layout's name is read back as the same tensor") {
    for (const int64_t depth : {1, 2, 3})
      for (const std::string layout : {"hf", "original"})
        for (const std::string name :
             {"language.embed_tokens.weight", "language.layers.0.input_layernorm.weight", "language.norm.weight",
              "lm_head.weight", "vision.embeddings.class_embedding", "projector.linear_1.weight"}) {
          CAPTURE(layout);
          CAPTURE(name);
          CHECK(canonical_name(published_name(name, layout, depth)) == name);
        }
    CHECK(published_name("projector.linear_1.bias", "original", 1) == "model.mm_projector.bias");
    CHECK(published_name("projector.linear_2.bias", "original", 2) == "model.mm_projector.2.bias");
    CHECK(published_name("vision.pre_layrnorm.bias", "tower", 2) == "vision_model.pre_layrnorm.bias");
    CHECK(published_name("lm_head.weight", "tower", 2).empty());
  }

  TEST_CASE("a projector's file may put anything before its names") {
    for (const char* published :
         {"model.mm_projector.2.weight", "base_model.model.model.mm_projector.2.weight", "mm_projector.2.weight",
          "2.weight", "multi_modal_projector.linear_2.weight", "linear_2.weight"})
      CHECK(projector_name(published) == "projector.linear_2.weight");
    CHECK(projector_name("weight") == "projector.linear_1.weight");
    CHECK(projector_name("model.norm.weight").empty());
    CHECK(projector_name("1.weight").empty());  // an activation has no weights
  }

  TEST_CASE("two names of one tensor in a checkpoint are refused") {
    NamedTensors tensors;
    const auto named = [](const std::string& name) {
      TensorView view;
      view.name = name;
      return view;
    };
    tensors.add("lm_head.weight", named("lm_head.weight"));
    const auto error = error_of([&] { tensors.add("lm_head.weight", named("language_model.lm_head.weight")); });
    CHECK(error.status() == Status::format);
    CHECK(error.message().find("are the same tensor") != std::string::npos);
  }

  TEST_CASE("a model is called as people call it, and its template follows") {
    CHECK(model_name("/m/llava-v1.5-7b") == "llava-v1.5-7b");
    CHECK(model_name("/m/llava-lora/checkpoint-500") == "llava-lora_checkpoint-500");
    CHECK(model_name("/c/hub/models--liuhaotian--llava-v1.5-7b/snapshots/4481d27") == "llava-v1.5-7b");
    const TemporaryFolder folder;
    const auto template_in = [&](const std::string& name) {
      copy_folder(kGolden + "hf_rows", folder / name);
      const auto plan = plan_load(folder / name, {});
      REQUIRE(plan.problems.empty());
      CHECK(plan.checkpoint.template_reason.find(plan.checkpoint.chat_template->key) == 0);
      return std::string(plan.checkpoint.chat_template->key);
    };
    CHECK(template_in("llava-llama-2-13b-chat") == "llava_llama_2");
    CHECK(template_in("LLaVA-Mistral") == "mistral_instruct");
    CHECK(template_in("llava-v1.6-34b") == "chatml_direct");
    CHECK(template_in("llava-v1.5-7b") == "llava_v1");
    CHECK(template_in("llava-7b-v0") == "llava_v0");
    CHECK(template_in("something") == "llava_v1");
  }
}
