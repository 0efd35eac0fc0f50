// LoRA against torch (tests/golden/training/make_lora_and_tower.py), its starts, its refusals, and the folder it becomes.
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "checkpoint/adapter.hpp"
#include "support/temporary_folder.hpp"
#include "train/adapter_output.hpp"
#include "train/support.hpp"

using namespace llava::core;
using namespace train_test;

namespace {

bool projector_alone(std::string_view name) { return name.starts_with("projector."); }

/// make_lora_and_tower.py's, with or without dropout.
StepRecipe recipe_of(bool dropout) {
  StepRecipe recipe;
  recipe.adamw.lr = 2e-3;
  recipe.projector_lr = 5e-4;
  recipe.schedule = {Schedule::Shape::cosine, kSteps, 2};
  auto& lora = recipe.network.lora;
  lora.rank = 3;
  lora.alpha = 5;
  lora.dropout = dropout ? 0.25 : 0;
  lora.root_rank = !dropout;
  lora.seed = 0x123456789abcdef;
  return recipe;
}

/// The name in the golden file.
std::string golden_name(const Learner& learner) {
  auto name = published_name(learner.name, "hf", 2);
  if (learner.fill) name.resize(name.size() - std::string_view(".weight").size());
  return name;
}

/// Gives every LoRA matrix the golden's first values.
void start_as(Network& network, const Golden& golden) {
  const c10::InferenceMode no_gradients;
  for (const auto& learner : network.learners().all())
    if (learner.fill) at::Tensor(learner.value).copy_(golden.tensor("start." + golden_name(learner)));
  network.learners().refresh();
}

const Learner& learner_named(const Network& network, std::string_view name) {
  const auto& all = network.learners().all();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Learner& one) { return one.name == name; });
  REQUIRE(found != all.end());
  return *found;
}

}  // namespace

TEST_SUITE("train/lora") {
  TEST_CASE("ten losses and every gradient of the first step are torch's: rsLoRA, and LoRA with dropout") {
    const Golden golden(kGolden + "tiny_lora.safetensors");
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const auto plan = plan_load(kTiny, {});
    for (const bool dropout : {false, true}) {
      const std::string variant = dropout ? "dropout" : "plain";
      CAPTURE(variant);
      Stepper stepper(plan, projector_alone, recipe_of(dropout), {});
      start_as(stepper.network(), golden);
      {
        const c10::InferenceMode no_gradients;
        const auto flat = first_gradient(stepper.network(), samples);
        int compared = 0;
        for (const auto& learner : stepper.network().learners().all()) {
          if (!learner.learns()) continue;
          CAPTURE(learner.name);
          const auto wanted = golden.tensor(variant + ".gradient." + golden_name(learner));
          CHECK(relative(flat.narrow(0, learner.begin, wanted.numel()).view(wanted.sizes()), wanted) <= 1e-5);
          ++compared;
        }
        CHECK(compared == 4 + 3 * 7 * 2);
      }
      const double worst = losses_differ(stepper, samples, golden.tensor(variant + ".losses"));
      MESSAGE(variant << ": losses differ by " << worst);
      CHECK(worst <= 1e-5);
    }
  }

  TEST_CASE("A is uniform within 1 / sqrt(in) by seed and name, B zero: nothing is changed before the first step") {
    const auto plan = plan_load(kTiny, {});
    const auto recipe = recipe_of(false);
    const Network network(plan, projector_alone, {}, recipe.network), again(plan, projector_alone, {}, recipe.network);
    auto other_options = recipe.network;
    other_options.lora.seed = 7;
    const Network other(plan, projector_alone, {}, other_options);
    for (const std::string target : {"self_attn.q_proj", "mlp.down_proj"}) {
      const auto name = "language.layers.1." + target + ".lora_A.weight";
      const auto& down = learner_named(network, name).value;
      const double bound = 1 / std::sqrt(static_cast<double>(down.size(1)));
      CHECK(down.abs().max().item<double>() <= bound);
      CHECK(down.abs().max().item<double>() > 0.9 * bound);
      CHECK(std::abs(down.mean().item<double>()) < 0.25 * bound);
      CHECK(down.equal(learner_named(again, name).value));
      CHECK_FALSE(down.equal(learner_named(other, name).value));
      CHECK_FALSE(down.equal(learner_named(network, "language.layers.0." + target + ".lora_A.weight").value));
      CHECK(learner_named(network, "language.layers.1." + target + ".lora_B.weight").value.abs().max().item<float>() ==
            0);
    }
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    Stepper with(plan, projector_alone, recipe, {}), without(plan, projector_alone, {}, {});
    CHECK(with.evaluate(leaves_of(samples, 0), {}) == without.evaluate(leaves_of(samples, 0), {}));
  }

  TEST_CASE("targets and layers choose; what cannot be is refused by name") {
    const auto plan = plan_load(kTiny, {});
    NetworkOptions options;
    options.lora.rank = 2;
    options.lora.targets = {"q_proj", "down_proj"};
    options.lora.layers = {0, 2};
    const auto nothing = [](std::string_view) { return false; };
    const Network network(plan, nothing, {}, options);
    int64_t learning = 0;
    for (const auto& learner : network.learners().all()) learning += learner.learns();
    CHECK(learning == 2 * 2 * 2);
    CHECK(network.learners().learning() == 2 * (2 * (36 + 36) + 2 * (36 + 50)));

    options.lora.dropout = 1;
    options.lora.alpha = 0;
    options.lora.targets = {"fc1"};
    options.lora.layers = {3};
    const auto error = error_of([&] { Network(plan, nothing, {}, options); });
    CHECK(error.status() == Status::argument);
    for (const char* part : {"alpha is 0", "dropout is 1", "\"fc1\"", "layer 3 is outside 0 .. 2"})
      CHECK(error.message().find(part) != std::string::npos);
    CHECK(
        error_of([&] {
          Network(
              plan, [](std::string_view name) { return name.starts_with("language."); }, {}, recipe_of(false).network);
        }).message() ==
        "language.layers.0.self_attn.q_proj.weight learns by the mask and has LoRA matrices beside it; expected one of "
        "the two");
  }

  TEST_CASE("dropout falls otherwise in every step and leaf, and not at all in an evaluation") {
    const auto plan = plan_load(kTiny, {});
    const Golden golden(kGolden + "tiny_lora.safetensors");
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    Network network(plan, projector_alone, {}, recipe_of(true).network);
    start_as(network, golden);
    const c10::InferenceMode no_gradients;
    auto batch = make_micro_batch({&samples[0], &samples[1]}, 306, network.config().tokens_per_image(), 0);
    const auto loss_at = [&](DropoutDraw draw) {
      batch.draw = draw;
      return network.pass(batch, 0.1, {});
    };
    const double first = loss_at({0, 0});
    CHECK(loss_at({0, 0}) == first);
    CHECK(loss_at({1, 0}) != first);
    CHECK(loss_at({0, 1}) != first);
    CHECK(loss_at({}) == network.loss(batch, 0.1, {}));
    batch.draw = {0, 0};
    CHECK(network.loss(batch, 0.1, {}) == loss_at({}));
  }

  TEST_CASE("QLoRA is LoRA beside the widened base, and only what is frozen is packed") {
    const auto plan = plan_load(kTiny, {});
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const c10::InferenceMode no_gradients;
    const auto base = [](std::string_view name) {
      return name.starts_with("language.layers.") && name.find("_proj.") != name.npos;
    };
    Network wide(plan, base, {});  // whose matrices can be written to
    for (const auto& learner : wide.learners().all())
      if (learner.learns()) learner.value.copy_(Nf4Matrix(learner.value).widened());
    NetworkOptions packed;
    packed.nf4_base = true;
    Network four_bits(plan, projector_alone, {}, packed), plain(plan, projector_alone, {});
    auto batch = make_micro_batch({&samples[0], &samples[3]}, 306, wide.config().tokens_per_image(), 0);
    CHECK(four_bits.pass(batch, 0.1, {}) == wide.pass(batch, 0.1, {}));
    CHECK(four_bits.loss(batch, 0.1, {}) != plain.loss(batch, 0.1, {}));
    Network learns_itself(plan, base, {}, packed), same(plan, base, {});
    CHECK(learns_itself.loss(batch, 0.1, {}) == same.loss(batch, 0.1, {}));

    StepRecipe recipe = recipe_of(true);
    recipe.network.nf4_base = true;
    recipe.schedule = {Schedule::Shape::constant, 20, 0};
    Stepper stepper(plan, projector_alone, recipe, {});
    const double before = stepper.evaluate(leaves_of(samples, 0), {});
    for (int64_t step = 0; step < 20; ++step) stepper.step(leaves_of(samples, 0), {});
    CHECK(stepper.evaluate(leaves_of(samples, 0), {}) < before - 1);
  }

  TEST_CASE("who computes a leaf, and what it computed before, does not matter") {
    const auto plan = plan_load(kTiny, {});
    const auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
    const c10::InferenceMode no_gradients;
    const auto options = recipe_of(true).network;
    Network one(plan, projector_alone, {}, options), other(plan, projector_alone, {}, options);
    const auto leaves = leaves_of(samples, 0);
    const auto gradient_of = [&](Network& network, int64_t leaf) {
      auto batch = make_micro_batch(leaves[static_cast<size_t>(leaf)], 306, network.config().tokens_per_image(), 0);
      batch.draw = {5, leaf};
      network.pass(batch, 0.1, {});
      return network.learners().gradient().clone();
    };
    gradient_of(one, 0);
    CHECK(gradient_of(one, 1).equal(gradient_of(other, 1)));
  }

  TEST_CASE("the folder is PEFT's, and the model opens with it and computes the same") {
    const std::string original = LLAVA_TEST_DATA "/checkpoints/golden/original_inside";
    for (const auto& [model, apart] : {std::pair{kTiny, false}, {original, false}, {kTiny, true}, {original, true}}) {
      CAPTURE(model);
      CAPTURE(apart);
      const TemporaryFolder folder;
      const auto target = folder.path() + "/adapter";
      const auto plan = plan_load(model, {});
      const auto size = plan.checkpoint.config.vision.image_size;
      auto samples = samples_of(Golden(kGolden + "tiny.safetensors"));
      for (auto& sample : samples) {
        for (auto& id : sample.ids)
          if (id >= 0) id %= plan.checkpoint.config.language.vocabulary;
        for (auto& pixels : sample.pixels) pixels = pixels.slice(1, 0, size).slice(2, 0, size);
      }
      Stepper stepper(plan, projector_alone, recipe_of(true), {});
      for (int64_t step = 0; step < 4; ++step) stepper.step(leaves_of(samples, step), {});
      save_adapter(plan, stepper.network(), target, {.rest_apart = apart});
      CHECK(file_exists(target + "/non_lora_trainables.bin") == apart);

      const auto config =
          parse_json(read_file(target + "/adapter_config.json", 1 << 20, "adapter_config.json"), "config");
      CHECK(config.at("r").integer() == 3);
      CHECK(config.at("lora_alpha").number() == 5);
      CHECK(config.at("use_rslora").boolean() == false);
      CHECK(config.at("modules_to_save").is_null() == apart);
      const auto blocks = static_cast<size_t>(plan.checkpoint.config.language.layers);
      CHECK(config.at("target_modules").size() == 7 * blocks);
      CHECK(config.at("target_modules").at(size_t{0}).string() ==
            (model == kTiny && !apart ? "model.language_model.layers.0.self_attn.q_proj"
                                      : "model.layers.0.self_attn.q_proj"));

      const auto base = load_bundle(model, {});
      const auto adapter = load_adapter(*base, target, {});
      CHECK(adapter->files.added.size() == 7 * blocks);
      CHECK(adapter->files.replaced.size() == 2 * static_cast<size_t>(plan.checkpoint.config.projector.depth));
      const auto adapted = with_adapter(base, adapter, 1);
      for (const auto& [name, pair] : adapter->adaptation.added)
        CHECK(pair->down_RI.stored().equal(learner_named(stepper.network(), name + ".lora_A.weight").value));

      const c10::InferenceMode no_gradients;
      const auto& sample = samples[0];
      const auto batch = make_micro_batch({&sample}, plan.checkpoint.config.language.vocabulary,
                                          plan.checkpoint.config.tokens_per_image(), 0);
      const auto rows = adapted->model->project(adapted->model->vision_features(batch.pixels_N3SS, {}, {}));
      std::vector<at::Tensor> pictures;
      for (int64_t i = 0; i < rows.size(0); ++i) pictures.push_back(rows[i]);
      const auto& language = adapted->model->language();
      auto cache = language.new_cache();
      const auto hidden = language.forward(adapted->model->embed(sample.ids, pictures), cache, {});
      const auto logs = language.logits(hidden.index_select(0, batch.target_rows)).log_softmax(1);
      const double expected = -logs.gather(1, batch.targets.unsqueeze(1)).sum().item<double>();
      CHECK(stepper.network().loss(batch, 1, {}) == doctest::Approx(expected).epsilon(1e-5));
      CHECK(error_of([&] { save_adapter(plan, stepper.network(), target); }).status() == Status::argument);
      save_adapter(plan, stepper.network(), target, {.replace = true, .rest_apart = apart});
    }
    const auto plan = plan_load(kTiny, {});
    const Network plain(plan, projector_alone, {});
    CHECK(error_of([&] { save_adapter(plan, plain, "/nowhere/adapter"); }).message().find("nothing was learnt") !=
          std::string::npos);
  }
}
