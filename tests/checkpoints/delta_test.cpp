// Delta weights against the sum, and against transformers.
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>

#include <algorithm>

#include "checkpoint/delta.hpp"
#include "checkpoints/support.hpp"
#include "weights/safetensors.hpp"

using namespace checkpoints_test;
using namespace llava::core;

namespace fs = std::filesystem;

TEST_SUITE("checkpoints/delta") {
  TEST_CASE("the merged model is base plus delta, bit for bit, and computes what transformers computes") {
    const TemporaryFolder folder;
    merge_delta(kGolden + "v0_base", kGolden + "v0_delta", folder / "llava-v0", {});
    const auto merged = open_safetensors(folder / "llava-v0/model.safetensors");
    const auto expected = open_safetensors(kGolden + "original_v0/model.safetensors");  // summed by torch in f16
    const auto base = open_safetensors(kGolden + "v0_base/model.safetensors");
    const auto delta = open_safetensors(kGolden + "v0_delta/model.safetensors");
    REQUIRE(merged.size() == expected.size());
    for (const auto& view : merged.all()) {
      CAPTURE(view.name);
      const auto sum = tensor_of(view), change = tensor_of(*delta.find(view.name));
      CHECK(at::equal(sum, tensor_of(*expected.find(view.name))));
      const auto* from = base.find(view.name);
      if (!from) CHECK(at::equal(sum, change));
      if (from && from->shape == view.shape) CHECK(at::equal(sum, change + tensor_of(*from)));
      if (from && from->shape != view.shape) {
        const auto rows = from->shape[0];
        CHECK(at::equal(sum.narrow(0, 0, rows), change.narrow(0, 0, rows) + tensor_of(*from)));
        CHECK(at::equal(sum.narrow(0, rows, 4), change.narrow(0, rows, 4)));
      }
    }
    LoadOptions options;
    options.vision_tower = kGolden + "v0-clip";
    const auto bundle = load_bundle(folder / "llava-v0", options);
    const Golden golden(kGolden + "original_v0/expected.safetensors");
    CHECK(distance(logits_of(*bundle, golden), golden.tensor("logits")) <= 1e-4);
    CHECK(bundle->image_marks.begin == 302);
    CHECK(bundle->chat_template->key == "llava_v0");
  }

  TEST_CASE("base and delta that do not belong together: all tensors in one message, nothing written") {
    const TemporaryFolder folder;
    copy_folder(kGolden + "v0_base", folder / "base");
    const auto weights = open_safetensors(kGolden + "v0_base/model.safetensors");
    std::vector<TensorView> changed;
    for (const auto& view : weights.all()) {
      if (view.name == "model.norm.weight") continue;
      changed.push_back(view);
      if (view.name.ends_with("0.self_attn.q_proj.weight")) changed.back().shape = {8, 32};
    }
    const float one = 1;
    TensorView stray;
    stray.name = "model.stray.weight";
    stray.shape = {1};
    stray.data = reinterpret_cast<const std::byte*>(&one);
    stray.size_bytes = sizeof one;
    changed.push_back(stray);
    write_safetensors(folder / "base/model.safetensors", changed);
    const auto error = error_of([&] { merge_delta(folder / "base", kGolden + "v0_delta", folder / "out", {}); });
    CHECK(error.status() == Status::format);
    for (const char* piece : {"3 tensors", "model.norm.weight is in the delta alone",
                              "model.stray.weight is in the base alone", "q_proj.weight is [16, 16] in the delta"})
      CHECK(error.message().find(piece) != std::string::npos);
    CHECK_FALSE(fs::exists(folder / "out"));
  }
}
