// Where a vision tower is looked for, and what is said when it is not there.
#include <fstream>

#include "checkpoint/vision_lookup.hpp"
#include "checkpoints/support.hpp"

using namespace checkpoints_test;
using namespace llava::core;

namespace fs = std::filesystem;

namespace {

std::string tower_at(const std::string& folder) {
  fs::create_directories(folder);
  std::ofstream(folder + "/config.json") << "{}";
  return folder;
}

void refer(const std::string& repository, const std::string& revision) {
  fs::create_directories(repository + "/refs");
  std::ofstream(repository + "/refs/main") << revision << "\n";
}

}  // namespace

TEST_SUITE("checkpoints/tower") {
  TEST_CASE("the caller's folder, then inside, then beside, then the cache") {
    const TemporaryFolder folder;
    const auto at = folder.path();
    const Variable cache("HF_HUB_CACHE", at + "/hub");
    const auto model = at + "/models/llava";
    fs::create_directories(model);
    const auto find = [&](const std::string& asked) { return find_vision_tower("openai/clip", asked, model).folder; };
    CHECK(find("") == "");
    const auto repository = at + "/hub/models--openai--clip";
    const auto cached = tower_at(repository + "/snapshots/abc");
    CHECK(find("") == cached);  // a single snapshot, no reference
    tower_at(repository + "/snapshots/def");
    CHECK(find("") == "");  // which of the two?
    refer(repository, "def");
    CHECK(find("") == repository + "/snapshots/def");
    const auto beside = tower_at(at + "/models/clip");
    CHECK(find("") == beside);
    const auto inside = tower_at(model + "/openai/clip");
    CHECK(find("") == inside);
    const auto named = tower_at(at + "/elsewhere");
    CHECK(find(named) == named);
    CHECK(error_of([&] { find(at + "/nothing"); }).status() == Status::not_found);
  }

  TEST_CASE("the cache is where Hugging Face's variables say") {
    const TemporaryFolder folder;
    const auto at = folder.path();
    const auto found = [&] { return find_vision_tower("openai/clip", "", at + "/model").folder; };
    const auto place = [&](const std::string& hub) { return tower_at(hub + "/models--openai--clip/snapshots/1"); };
    const Variable none("HF_HUB_CACHE", ""), old("HUGGINGFACE_HUB_CACHE", ""), no_home("HF_HOME", "");
    const Variable no_xdg("XDG_CACHE_HOME", ""), home("HOME", at + "/home");
    const auto in_home = place(at + "/home/.cache/huggingface/hub");
    CHECK(found() == in_home);
    const Variable xdg("XDG_CACHE_HOME", at + "/xdg");
    CHECK(found() == "");
    const auto in_xdg = place(at + "/xdg/huggingface/hub");
    CHECK(found() == in_xdg);
    const Variable hf_home("HF_HOME", at + "/hf");
    const auto in_hf_home = place(at + "/hf/hub");
    CHECK(found() == in_hf_home);
    const Variable hub("HF_HUB_CACHE", at + "/hub");
    const auto in_hub = place(at + "/hub");
    CHECK(found() == in_hub);
  }

  TEST_CASE("a reference cannot point outside its repository") {
    const TemporaryFolder folder;
    const Variable cache("HF_HUB_CACHE", folder.path());
    const auto repository = folder.path() + "/models--openai--clip";
    tower_at(folder.path() + "/outside");
    for (const std::string revision : {"../../outside", "..", "", "a/b"}) {
      refer(repository, revision);
      CHECK(find_vision_tower("openai/clip", "", folder.path() + "/m").folder == "");
    }
  }

  TEST_CASE("a tower that is nowhere: the message lists every place") {
    const TemporaryFolder folder;
    const Variable cache("HF_HUB_CACHE", folder.path() + "/hub");
    copy_folder(kGolden + "original_v15", folder.path() + "/m");
    const auto error = error_of([&] { require_loadable(plan_load(folder.path() + "/m", {})); });
    CHECK(error.status() == Status::not_found);
    for (const char* piece : {"openai/tiny-clip", "/m/openai/tiny-clip", "/m/tiny-clip",
                              "/hub/models--openai--tiny-clip", "vision_tower", "nothing is downloaded"})
      CHECK(error.message().find(piece) != std::string::npos);
  }

  TEST_CASE("a language model alone asks for a projector, then for a tower") {
    const auto lone = error_of([&] { plan_load(kGolden + "parts_base", {}); });
    CHECK(lone.status() == Status::unsupported);
    CHECK(lone.message().find("name a projector") != std::string::npos);
    LoadOptions options;
    options.projector = kGolden + "parts_projector/mm_projector.safetensors";
    const auto blind = error_of([&] { require_loadable(plan_load(kGolden + "parts_base", options)); });
    CHECK(blind.status() == Status::not_found);
    CHECK(blind.message().find("openai/elsewhere") != std::string::npos);
    options.projector = kGolden + "parts_clip/model.safetensors";
    const auto wrong = error_of([&] { require_loadable(plan_load(kGolden + "parts_base", options)); });
    CHECK(wrong.status() == Status::format);
    CHECK(wrong.message().find("holds no projector") != std::string::npos);
  }

  TEST_CASE("a tower named by the caller replaces the one inside") {
    LoadOptions options;
    options.vision_tower = kGolden + "v0-clip";
    const auto plan = plan_load(kGolden + "original_inside", options);
    CHECK(plan.problems.empty());
    CHECK(plan.tensors.found.at("vision.pre_layrnorm.weight").name == "vision_model.pre_layrnorm.weight");
  }
}
