// Adapters merged into checkpoints of their own: the numbers against torch's, the logits against those with the adapter
// beside the model.
#include <ATen/ops/equal.h>

#include "checkpoint/adapter.hpp"
#include "checkpoint/save.hpp"
#include "checkpoints/support.hpp"

using namespace checkpoints_test;
using namespace llava::core;

namespace fs = std::filesystem;

namespace {

struct Case {
  std::string adapter, watched;  // a tensor whose sum make_lora.py has stored
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"lora_original", "language.layers.0.self_attn.q_proj.weight"},
      {"lora_hub", "vision.encoder.layers.0.self_attn.q_proj.weight"},
      {"lora_later", "language.layers.0.self_attn.k_proj.weight"},
  };
  return all;
}

SaveOptions written(const char* layout, std::optional<at::ScalarType> dtype = {}) {
  SaveOptions options;
  options.layout = layout;
  options.dtype = dtype;
  return options;
}

}  // namespace

TEST_SUITE("checkpoints/lora_merge") {
  TEST_CASE("sums are torch's, and the merged model computes what model and adapter compute") {
    const auto base = load_bundle(kGolden + "hf_rows", {});
    for (const auto& sample : cases()) {
      CAPTURE(sample.adapter);
      const Golden golden(kGolden + sample.adapter + "/expected.safetensors");
      const auto adapter = load_adapter(*base, kGolden + sample.adapter, {});
      const TemporaryFolder folder;
      merge_adapter(*base, *adapter, 0.5, folder / "f32", written("hf", at::kFloat));
      merge_adapter(*base, *adapter, 0.5, folder / "stored", written("original"));
      const auto exact = plan_load(folder / "f32", {}), rounded = plan_load(folder / "stored", {});
      CHECK(distance(tensor_of(exact.tensors.found.at(sample.watched)), golden.tensor("merged_half")) <= 1e-6);
      CHECK(rounded.tensors.found.at(sample.watched).dtype == DType::f16);
      CHECK(distance(tensor_of(rounded.tensors.found.at(sample.watched)), golden.tensor("merged_half_f16")) <= 1e-3);
      CHECK(rounded.checkpoint.layout == "original");
      const auto attached = logits_of(*with_adapter(base, adapter, 0.5), golden);
      CHECK(distance(logits_of(*load_bundle(folder / "f32", {}), golden), attached) <= 1e-4);
      CHECK(distance(logits_of(*load_bundle(folder / "f32", {}), golden), golden.tensor("logits_half")) <= 1e-4);
      CHECK(distance(logits_of(*load_bundle(folder / "stored", {}), golden), attached) <= 2e-2);  // f16 sums
    }
  }

  TEST_CASE("a language model and its published LoRA become one LLaVA") {
    LoadOptions options;
    options.vision_tower = kGolden + "parts_clip";
    options.adapter = kGolden + "lora_published";
    const auto bundle = load_bundle(kGolden + "parts_base", options);
    const Golden golden(kGolden + "lora_published/expected.safetensors");
    const TemporaryFolder folder;
    merge_adapter(*bundle->base, *bundle->adapter, 1, folder / "llava", written("hf", at::kFloat));
    const auto merged = load_bundle(folder / "llava", {});
    const auto words = golden.tensor("logits").size(1);
    CHECK(merged->layout == "hf");
    CHECK(distance(logits_of(*merged, golden).narrow(1, 0, words), golden.tensor("logits")) <= 1e-4);
  }

  TEST_CASE("at scale 0 the weights are the base's, and what was trained whole is the adapter's") {
    const auto base = load_bundle(kGolden + "hf_rows", {});
    const auto adapter = load_adapter(*base, kGolden + "lora_original", {});
    const TemporaryFolder folder;
    merge_adapter(*base, *adapter, 0, folder / "out", {});
    const auto before = plan_load(kGolden + "hf_rows", {}), after = plan_load(folder / "out", {});
    for (const auto& [name, view] : after.tensors.found) {
      CAPTURE(name);
      CHECK(at::equal(tensor_of(view), tensor_of(before.tensors.found.at(name))) == !name.starts_with("projector."));
    }
  }

  TEST_CASE("refused before anything is written, or nothing is left") {
    const auto base = load_bundle(kGolden + "hf_rows", {});
    const auto adapter = load_adapter(*base, kGolden + "lora_hub", {});
    const TemporaryFolder folder;
    const auto status = [&](const Bundle& model, double scale, const SaveOptions& options) {
      return error_of([&] { merge_adapter(model, *adapter, scale, folder / "out", options); }).status();
    };
    CHECK(status(*base, std::numeric_limits<double>::quiet_NaN(), {}) == Status::argument);
    CHECK(status(*load_bundle(kGolden + "hf_ties", {}), 1, {}) == Status::argument);
    auto stopped = written("hf");
    stopped.progress = [](const LoadProgress&) { throw Error(Status::cancelled, "enough"); };
    CHECK(status(*base, 1, stopped) == Status::cancelled);
    CHECK(fs::is_empty(folder.path()));
    merge_adapter(*base, *adapter, 1, folder / "out", {});
    CHECK(status(*base, 1, {}) == Status::argument);  // it is there
  }

  TEST_CASE("saving a model with an adapter attached writes the model itself") {
    LoadOptions options;
    options.adapter = kGolden + "lora_later";
    const auto bundle = load_bundle(kGolden + "hf_rows", options);
    const TemporaryFolder folder;
    save_bundle(*bundle, folder / "out", {});
    const Golden golden(kGolden + "lora_later/expected.safetensors");
    CHECK(at::equal(logits_of(*load_bundle(folder / "out", {}), golden), logits_of(*bundle->base, golden)));
  }
}
