// The losses of a hundred steps, to the last bit, as an earlier day's libllava had them with this LibTorch: what changes them
// without anybody meaning to is seen here, however small it is. Our own numbers, not a reference: golden_test.cpp has that.
//
// Bits depend on the instructions that sums are made with, so the run is told which (tests/CMakeLists.txt): our own kernels and
// ATen's for AVX2, which every CPU that is supported has, one thread, and of MKL the code path that is the same on all CPUs.
// Two CPUs may still differ where the C library's cos() or log() does.
//
// A LibTorch without a file: LLAVA_TEST_LOSSES=write ctest -R train_losses writes it; its second line is for the reason.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "train/origin.hpp"
#include "train/support.hpp"

using namespace llava::core;
using namespace train_test;

namespace {

constexpr int64_t kLong = 100;

std::string exactly(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

// Both stages from the same start: fifty steps of each.
std::vector<std::string> losses() {
  const Golden golden(kGolden + "tiny.safetensors");
  const auto samples = samples_of(golden);
  const auto plan = plan_load(kTiny, {});
  std::vector<std::string> found;
  for (const int64_t stage : {1, 2}) {
    StepRecipe recipe;
    recipe.adamw = {stage == 1 ? 2e-3 : 5e-4, 0.9, 0.999, 1e-8, 0.01};
    recipe.schedule = {Schedule::Shape::cosine, kLong / 2, 3};
    recipe.clip = 4;
    const auto mask = [stage](std::string_view name) {
      return name.starts_with("projector.") || (stage == 2 && !name.starts_with("vision."));
    };
    Stepper stepper(plan, mask, recipe, {});
    for (int64_t step = 0; step < kLong / 2; ++step)
      found.push_back(exactly(stepper.step(leaves_of(samples, step), {}).loss));
  }
  return found;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

TEST_SUITE("train/losses") {
  TEST_CASE("a hundred losses are those of the file for this LibTorch" * doctest::skip()) {
    REQUIRE(variable("LLAVA_CPU_ISA") == "avx2");  // run by ctest -R train_losses
    const auto version = machine_of().at("libtorch").string();
    const auto path = kGolden + "losses-" + version + ".txt";
    const auto found = losses();
    if (variable("LLAVA_TEST_LOSSES") == "write") {
      std::ofstream file(path);
      file << "# LibTorch " << version
           << ", 50 steps of stage 1, then 50 of stage 2 (tests/train/losses_test.cpp)\n# Why: \n";
      for (const auto& loss : found) file << loss << '\n';
    }
    INFO("no file: LLAVA_TEST_LOSSES=write ctest -R train_losses makes it");
    REQUIRE(file_exists(path));
    std::vector<std::string> wanted;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
      if (!line.starts_with('#')) wanted.push_back(line);
    REQUIRE(wanted.size() == found.size());
    for (size_t step = 0; step < found.size(); ++step) {
      CAPTURE(step);
      CHECK(found[step] == wanted[step]);
    }
  }
}
