// Writing checkpoints: byte for byte where nothing is converted, whole or not at all, and opened again with the same
// logits.
#include <ATen/ops/equal.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "checkpoint/save.hpp"
#include "checkpoints/support.hpp"

using namespace checkpoints_test;
using namespace llava::core;

namespace fs = std::filesystem;

namespace {

SaveOptions as(const char* layout) {
  SaveOptions options;
  options.layout = layout;
  return options;
}

// Names of the tensors that differ between two checkpoints, what can be computed left out.
std::vector<std::string> differences(const LoadPlan& a, const LoadPlan& b) {
  std::vector<std::string> names;
  for (const auto& [name, view] : a.tensors.found) {
    if (is_derived_tensor(name)) continue;
    const auto other = b.tensors.found.find(name);
    const bool same = other != b.tensors.found.end() && other->second.dtype == view.dtype &&
                      other->second.shape == view.shape &&
                      std::memcmp(other->second.data, view.data, view.size_bytes) == 0;
    if (!same) names.push_back(name);
  }
  for (const auto& [name, view] : b.tensors.found)
    if (!a.tensors.has(name)) names.push_back(name);
  return names;
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_SUITE("checkpoints/save") {
  TEST_CASE("hf to original and back: every tensor byte for byte, the same logits bit for bit") {
    for (const std::string name : {"hf_rows", "hf_mistral", "hf_ties"}) {
      CAPTURE(name);
      const TemporaryFolder folder;
      convert_checkpoint(kGolden + name, folder / "original", {}, as("original"));
      convert_checkpoint(folder / "original", folder / "hf", {}, as("hf"));
      CHECK(plan_load(folder / "original", {}).checkpoint.layout == "original");
      CHECK(plan_load(folder / "hf", {}).checkpoint.layout == "hf");
      CHECK(differences(plan_load(kGolden + name, {}), plan_load(folder / "original", {})).empty());
      CHECK(differences(plan_load(kGolden + name, {}), plan_load(folder / "hf", {})).empty());
      const Golden golden(kGolden + name + "/expected.safetensors");
      const auto before = logits_of(*load_bundle(kGolden + name, {}), golden);
      for (const char* written : {"original", "hf"}) {
        const auto bundle = load_bundle(folder / written, {});
        CHECK(at::equal(logits_of(*bundle, golden), before));
        CHECK(bundle->chat_template->key == "llava_v1");
      }
    }
  }

  TEST_CASE("an original checkpoint without a row for <image> gets one that never wins") {
    const Variable cache("HF_HUB_CACHE", kGolden + "hub");
    const TemporaryFolder folder;
    convert_checkpoint(kGolden + "original_v15", folder / "hf", {}, as("hf"));
    const auto bundle = load_bundle(folder / "hf", {});
    CHECK(bundle->config.image_token == 300);
    CHECK(bundle->config.language.vocabulary == 320);  // up to a multiple of 64
    CHECK(bundle->tokenizer->special_id("<image>") == 300);
    CHECK(bundle->preprocess.do_pad);
    const Golden golden(kGolden + "original_v15/expected.safetensors");
    const auto logits_LV = logits_of(*bundle, golden);
    CHECK(distance(logits_LV.narrow(1, 0, 300), golden.tensor("logits")) <= 1e-4);
    CHECK(logits_LV.narrow(1, 300, 20).amax(1).lt(logits_LV.narrow(1, 0, 300).amax(1)).all().item<bool>());
    convert_checkpoint(folder / "hf", folder / "again", {}, as("hf"));
    CHECK(differences(plan_load(folder / "hf", {}), plan_load(folder / "again", {})).empty());
  }

  TEST_CASE("every original shape is written and read again") {
    for (const std::string name : {"original_inside", "original_v0"}) {
      CAPTURE(name);
      const TemporaryFolder folder;
      convert_checkpoint(kGolden + name, folder / "out", {}, as("original"));
      const auto before = load_bundle(kGolden + name, {}), after = load_bundle(folder / "out", {});
      const Golden golden(kGolden + name + "/expected.safetensors");
      CHECK(at::equal(logits_of(*after, golden), logits_of(*before, golden)));
      CHECK(after->image_marks.begin == before->image_marks.begin);
      CHECK(after->config.projector.depth == before->config.projector.depth);
      CHECK(fs::exists(folder / "out/vision_tower/config.json"));
    }
  }

  TEST_CASE("shards hold what was asked for, and the index lists them") {
    const TemporaryFolder folder;
    auto options = as("hf");
    options.shard_bytes = 6000;
    convert_checkpoint(kGolden + "hf_rows", folder / "out", {}, options);
    int64_t shards = 0;
    for (const auto& name : files_in(folder / "out")) {
      if (!name.ends_with(".safetensors")) continue;
      ++shards;
      const auto map = open_safetensors(folder / "out/" + name);
      CHECK((map.size_bytes() <= 6000 || map.size() == 1));
    }
    CHECK(shards > 3);
    CHECK(fs::exists(folder / "out/model.safetensors.index.json"));
    CHECK(differences(plan_load(kGolden + "hf_rows", {}), plan_load(folder / "out", {})).empty());
  }

  TEST_CASE("numbers are converted when asked, and config.json says so") {
    const TemporaryFolder folder;
    auto options = as("hf");
    options.dtype = at::kBFloat16;
    convert_checkpoint(kGolden + "hf_rows", folder / "out", {}, options);
    const auto before = plan_load(kGolden + "hf_rows", {}), after = plan_load(folder / "out", {});
    for (const auto& [name, view] : after.tensors.found) {
      CHECK(view.dtype == DType::bf16);
      CHECK(at::equal(tensor_of(view), tensor_of(before.tensors.found.at(name)).to(at::kBFloat16)));
    }
    CHECK(after.checkpoint.config.dtype == "bfloat16");
  }

  TEST_CASE("what a layout cannot hold is refused, and nothing is left") {
    const TemporaryFolder folder;
    const auto refused = [&](const std::string& name, const char* layout) {
      const auto error = error_of([&] { convert_checkpoint(kGolden + name, folder / "out", {}, as(layout)); });
      CHECK(error.status() == Status::unsupported);
      CHECK(files_in(folder.path()).empty());
      return error.message();
    };
    CHECK(refused("hf_layers", "original").find("features of several layers") != std::string::npos);
    CHECK(refused("original_inside", "hf").find("3 linear layers") != std::string::npos);
  }

  TEST_CASE("a cancelled save leaves nothing; a finished one is not overwritten unasked") {
    const TemporaryFolder folder;
    auto options = as("hf");
    int calls = 0;
    options.progress = [&](const LoadProgress&) {
      if (++calls == 5) throw Error(Status::cancelled, "enough");
    };
    CHECK(error_of([&] { convert_checkpoint(kGolden + "hf_rows", folder / "out", {}, options); }).status() ==
          Status::cancelled);
    CHECK(files_in(folder.path()).empty());
    convert_checkpoint(kGolden + "hf_rows", folder / "out", {}, as("hf"));
    auto again = as("original");
    CHECK(error_of([&] { convert_checkpoint(kGolden + "hf_rows", folder / "out", {}, again); }).status() ==
          Status::argument);
    CHECK(plan_load(folder / "out", {}).checkpoint.layout == "hf");
    again.overwrite = true;
    convert_checkpoint(kGolden + "hf_rows", folder / "out", {}, again);
    CHECK(plan_load(folder / "out", {}).checkpoint.layout == "original");
    CHECK(files_in(folder.path()) == std::vector<std::string>{"out"});
    folder.write("letters.txt", "dear diary");
    const auto error = error_of([&] { convert_checkpoint(kGolden + "hf_rows", folder.path(), {}, again); });
    CHECK(error.message().find("holds no config.json") != std::string::npos);
  }

  TEST_CASE("a file that is written to while it is converted: no half-old copy appears") {
    const TemporaryFolder folder;
    copy_folder(kGolden + "hf_rows", folder / "m");
    auto options = as("original");
    options.progress = [&](const LoadProgress&) {
      std::ofstream(folder / "m/model.safetensors", std::ios::app) << "x";
    };
    const auto error = error_of([&] { convert_checkpoint(folder / "m", folder / "out", {}, options); });
    CHECK(error.status() == Status::io);
    CHECK(error.message().find("model.safetensors: changed from") != std::string::npos);
    CHECK(files_in(folder.path()) == std::vector<std::string>{"m"});
  }

  TEST_CASE("a loaded model is saved from its files, unless they have changed") {
    const TemporaryFolder folder;
    copy_folder(kGolden + "hf_rows", folder / "m");
    const auto bundle = load_bundle(folder / "m", {});
    save_bundle(*bundle, folder / "saved", {});
    CHECK(differences(plan_load(folder / "m", {}), plan_load(folder / "saved", {})).empty());
    std::ofstream(folder / "m/config.json", std::ios::app) << "\n";
    const auto error = error_of([&] { save_bundle(*bundle, folder / "later", {}); });
    CHECK(error.status() == Status::io);
    CHECK(error.message().find("have changed") != std::string::npos);
  }
}
