// LoRA folders against torch's arithmetic (tests/checkpoints/make_lora.py): attached, at half, chosen, detached.
#include <ATen/ops/equal.h>
#include <malloc.h>

#include <atomic>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/files.hpp"
#include "checkpoint/adapter.hpp"
#include "checkpoints/support.hpp"

using namespace checkpoints_test;
using namespace llava::core;
using Tree = nlohmann::json;

namespace {

const std::vector<std::string>& of_rows() {
  static const std::vector<std::string> names = {"lora_original", "lora_hub", "lora_later"};
  return names;
}

std::shared_ptr<const Bundle> rows_model() {
  static const auto bundle = load_bundle(kGolden + "hf_rows", {});
  return bundle;
}

Golden golden_of(const std::string& name) { return Golden(kGolden + name + "/expected.safetensors"); }

int64_t resident_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * 4096;
}

}  // namespace

TEST_SUITE("checkpoints/lora") {
  TEST_CASE("logits at scales 1 and 0.5 equal the reference, and greedy ids through the cache") {
    for (const auto& name : of_rows()) {
      CAPTURE(name);
      const auto golden = golden_of(name);
      const auto adapter = load_adapter(*rows_model(), kGolden + name, {});
      const auto whole = with_adapter(rows_model(), adapter, 1), half = with_adapter(rows_model(), adapter, 0.5);
      CHECK(distance(logits_of(*whole, golden), golden.tensor("logits")) <= 1e-4);
      CHECK(distance(logits_of(*half, golden), golden.tensor("logits_half")) <= 1e-4);
      CHECK(greedy_of(*whole, golden) == golden.integers("greedy"));
      const auto far = distance(golden.tensor("logits"), logits_of(*rows_model(), golden));
      CHECK(far > 0.1);  // it does something
    }
  }

  TEST_CASE("a load with an adapter is the model with it; one option makes a language model a LLaVA") {
    LoadOptions options;
    options.adapter = kGolden + "lora_hub";
    options.adapter_scale = 0.5;
    const auto golden = golden_of("lora_hub");
    CHECK(distance(logits_of(*load_bundle(kGolden + "hf_rows", options), golden), golden.tensor("logits_half")) <=
          1e-4);

    LoadOptions published;
    published.vision_tower = kGolden + "parts_clip";
    published.adapter = kGolden + "lora_published";
    const auto expected = golden_of("lora_published");
    const auto bundle = load_bundle(kGolden + "parts_base", published);
    CHECK(distance(logits_of(*bundle, expected), expected.tensor("logits")) <= 1e-4);
    CHECK(greedy_of(*bundle, expected) == expected.integers("greedy"));
    CHECK(bundle->layout == "parts");
    CHECK(bundle->projector == kGolden + "lora_published/non_lora_trainables.bin");
    const auto plan = plan_load(kGolden + "parts_base", published);
    CHECK(plan.problems.empty());
    const auto json = Tree::parse(plan_json(plan)).at("adapter");
    CHECK(json.at("rank") == 3);
    CHECK(json.at("layers") == 14);
    CHECK(json.at("replaced_tensors").size() == 4);
    CHECK(json.at("targets").size() == 7);
  }

  TEST_CASE("weights converted at load: the adapter's own keep their type") {
    LoadOptions options;
    options.dtype = at::kFloat;
    options.adapter = kGolden + "lora_later";
    const auto golden = golden_of("lora_later");
    CHECK(distance(logits_of(*load_bundle(kGolden + "hf_rows", options), golden), golden.tensor("logits")) <= 1e-4);
  }

  TEST_CASE("attached and detached: bit for bit as before, and nothing of it stays in memory") {
    Adapters adapters(rows_model());
    const auto golden = golden_of("lora_original");
    const auto before = logits_of(*adapters.current(), golden);
    std::weak_ptr<const Adapter> watched;
    {
      const auto adapter = adapters.load(kGolden + "lora_original", {});
      watched = adapter;
      adapters.attach(adapter, 1);
      CHECK(distance(logits_of(*adapters.current(), golden), golden.tensor("logits")) <= 1e-4);
      CHECK(error_of([&] { adapters.attach(adapter, 1); }).status() == Status::state);
    }
    CHECK_FALSE(watched.expired());  // attached
    adapters.detach();
    CHECK(watched.expired());
    CHECK(error_of([&] { adapters.detach(); }).status() == Status::state);
    CHECK(at::equal(logits_of(*adapters.current(), golden), before));

    int64_t begin_bytes = 0;
    for (int i = 0; i < 120; ++i) {
      if (i == 20) begin_bytes = resident_bytes();
      const auto adapter = adapters.load(kGolden + "lora_original", {});
      adapters.attach(adapter, 0.5 + i);
      logits_of(*adapters.current(), golden);
      adapters.detach();
    }
    CHECK(resident_bytes() - begin_bytes < (1 << 20));
  }

  TEST_CASE("three adapters in memory, each call chooses") {
    Adapters adapters(rows_model());
    std::vector<std::shared_ptr<const Adapter>> held;
    for (const auto& name : of_rows()) held.push_back(adapters.load(kGolden + name, {}));
    adapters.attach(held[1], 0.5);
    for (int round = 0; round < 2; ++round)
      for (const auto& name : of_rows()) {
        const auto golden = golden_of(name);
        CHECK(distance(logits_of(*adapters.choose({name, 1}), golden), golden.tensor("logits")) <= 1e-4);
        CHECK(distance(logits_of(*adapters.choose({name, 0.5}), golden), golden.tensor("logits_half")) <= 1e-4);
      }
    const auto golden = golden_of("lora_hub");
    CHECK(distance(logits_of(*adapters.current(), golden), golden.tensor("logits_half")) <= 1e-4);
    CHECK(at::equal(logits_of(*adapters.choose({"", 1}), golden), logits_of(*rows_model(), golden)));
    const auto error = error_of([&] { adapters.choose({"lora_none", 1}); });
    CHECK(error.status() == Status::not_found);
    CHECK(error.message().find("lora_original, lora_hub, lora_later") != std::string::npos);
    const auto list = Tree::parse(adapters.describe().dump());
    CHECK(list.size() == 3);
    CHECK(list.at(0).at("name") == "lora_hub");
    CHECK(list.at(0).at("scale") == 0.5);
    CHECK(list.at(1).at("attached") == false);
    AdapterOptions named;
    CHECK(error_of([&] { adapters.load(kGolden + "lora_hub", named); }).status() == Status::argument);
    named.name = "another";
    CHECK(adapters.load(kGolden + "lora_hub", named)->fingerprint == held[1]->fingerprint);
  }

  TEST_CASE("who has begun keeps the model as it was while others attach and detach") {
    Adapters adapters(rows_model());
    const auto golden = golden_of("lora_later");
    const auto adapter = adapters.load(kGolden + "lora_later", {});
    const auto without = logits_of(*rows_model(), golden);
    const auto with = logits_of(*with_adapter(rows_model(), adapter, 1), golden);
    std::atomic<bool> stop = false;
    std::thread changing([&] {
      while (!stop) {
        adapters.attach(adapter, 1);
        adapters.detach();
      }
    });
    int neither = 0;
    for (int i = 0; i < 50; ++i) {
      const auto got = logits_of(*adapters.current(), golden);
      neither += !at::equal(got, without) && !at::equal(got, with);
    }
    stop = true;
    changing.join();
    CHECK(neither == 0);
  }

  TEST_CASE("scales that are no numbers, and adapters of another model, are refused") {
    const auto adapter = load_adapter(*rows_model(), kGolden + "lora_hub", {});
    for (const double scale : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e7})
      CHECK(error_of([&] { with_adapter(rows_model(), adapter, scale); }).status() == Status::argument);
    const auto other = load_bundle(kGolden + "hf_ties", {});
    const auto error = error_of([&] { with_adapter(other, adapter, 1); });
    CHECK(error.status() == Status::argument);
    CHECK(error.message().find(other->fingerprint) != std::string::npos);
  }

  TEST_CASE("fingerprints tell adapters and scales apart, and images only where they change") {
    const auto base = rows_model();
    const auto original = load_adapter(*base, kGolden + "lora_original", {});
    const auto a = with_adapter(base, original, 1), b = with_adapter(base, original, 0.5);
    CHECK(a->variant != b->variant);
    CHECK(base->variant == "");
    CHECK(a->fingerprint == base->fingerprint);
    CHECK(a->image_fingerprint != base->image_fingerprint);  // another projector
    CHECK(with_adapter(base, load_adapter(*base, kGolden + "lora_original", {}), 1)->variant == a->variant);
  }
}
