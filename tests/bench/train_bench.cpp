// Steps of a training stage on random samples of one length: what tools/bench train compares with transformers.
//
//   train_bench MODEL STAGE STEPS BATCH LENGTH [keep|cheap|full|bf16-store|tower|lora|lanes=N]…      prints one JSON object
//
// `tower`: the vision tower learns as well. `lora`: rank 128 on every map of the language model, which is frozen.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <thread>

#include "base/error.hpp"
#include "base/json_value.hpp"
#include "train_support.hpp"

using namespace llava::core;

namespace {

// Throws Error(argument) for words that are none.
StepRecipe recipe_of(std::span<char*> words) {
  StepRecipe recipe;
  for (const std::string_view word : words) {
    if (word == "keep")
      recipe.recompute = {INT64_MAX, INT64_MAX};
    else if (word == "full")
      recipe.recompute = {0, 0};
    else if (word == "bf16-store")
      recipe.network.precision = Precision::bf16_store;
    else if (word.starts_with("lanes="))
      recipe.network.lanes = std::atoll(word.data() + 6);
    else if (word == "lora")
      recipe.network.lora.rank = 128;
    else if (word != "cheap" && word != "tower")
      throw Error(Status::argument, cat(std::string(word), " is no setting"));
  }
  return recipe;
}

int64_t peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

int64_t live_bytes() {
  const auto info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

// The most bytes that were allocated at a time, looked at every millisecond: what activations take, without the holes of
// an allocator, which the peak of the process has in it.
class Watch {
 public:
  Watch() : before_(live_bytes()), most_(before_) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        most_ = std::max(most_.load(), live_bytes());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  int64_t most() const { return most_ - before_; }

 private:
  int64_t before_;
  std::atomic<int64_t> most_;
  std::jthread thread_;
};

void run(std::span<char*> arguments) {
  const int stage = std::atoi(arguments[2]);
  const int64_t steps = std::atoll(arguments[3]), batch = std::atoll(arguments[4]), length = std::atoll(arguments[5]);
  const auto plan = plan_load(arguments[1], {});
  const auto recipe = recipe_of(arguments.subspan(6));
  const bool tower =
      std::any_of(arguments.begin() + 6, arguments.end(), [](std::string_view w) { return w == "tower"; });
  const bool language = stage == 2 && recipe.network.lora.rank == 0;
  const auto learns = [&](std::string_view name) {
    return name.starts_with("projector.") || (name.starts_with("vision.") ? tower : language);
  };
  Stepper stepper(plan, learns, recipe, {});
  const auto samples = samples_of(stepper.network().config(), batch, length);
  Leaf leaf;
  for (const auto& sample : samples) leaf.push_back(&sample);
  const std::vector<Leaf> leaves = {leaf};
  stepper.step(leaves, {});  // not counted
  const Watch watch;
  std::vector<double> times;
  StepReport report;
  for (int64_t i = 0; i < steps; ++i) {
    const double begin = seconds();
    report = stepper.step(leaves, {});
    times.push_back(seconds() - begin);
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  std::printf("%s\n", Json::object({{"seconds_a_step", median},
                                    {"samples_per_s", static_cast<double>(batch) / median},
                                    {"gflops_per_s", report.flops / median / 1e9},
                                    {"loss", report.loss},
                                    {"rows", report.rows},
                                    {"peak_bytes", peak_bytes()},
                                    {"live_bytes_of_a_step", watch.most()}})
                          .dump()
                          .c_str());
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 6) {
    std::fprintf(stderr, "usage: train_bench MODEL STAGE STEPS BATCH LENGTH [SETTING]...\n");
    return 2;
  }
  try {
    run({arguments, static_cast<size_t>(count)});
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "train_bench: %s\n", error.message().c_str());
    return 1;
  }
}
