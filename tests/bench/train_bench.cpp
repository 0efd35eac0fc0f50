// Steps of a training stage on random samples of one length: what tools/bench train compares with transformers.
//
//   train_bench MODEL STAGE STEPS BATCH LENGTH      prints one JSON object
#include <sys/resource.h>

#include <ATen/ops/randn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/error.hpp"
#include "base/json_value.hpp"
#include "model/splice.hpp"
#include "train/stepper.hpp"

using namespace llava::core;

namespace {

// BOS, a picture, words; the second half is learned. As tools/reference/train_bench.py makes them.
std::vector<TrainingSample> samples_of(const ModelConfig& config, int64_t count, int64_t length) {
  std::vector<TrainingSample> samples;
  uint64_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    TrainingSample sample;
    sample.ids = {config.language.bos, kImagePlace};
    while (static_cast<int64_t>(sample.ids.size()) + config.tokens_per_image() - 1 < length) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      sample.ids.push_back(3 +
                           static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(config.language.vocabulary - 3)));
    }
    for (size_t k = 0; k < sample.ids.size(); ++k) sample.learned.push_back(k >= sample.ids.size() / 2);
    sample.pixels.push_back(at::randn({3, config.vision.image_size, config.vision.image_size}));
    samples.push_back(std::move(sample));
  }
  return samples;
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void run(char** arguments) {
  const int stage = std::atoi(arguments[2]);
  const int64_t steps = std::atoll(arguments[3]), batch = std::atoll(arguments[4]), length = std::atoll(arguments[5]);
  const auto plan = plan_load(arguments[1], {});
  const auto learns = [stage](std::string_view name) {
    return name.starts_with("projector.") || (stage == 2 && !name.starts_with("vision."));
  };
  Stepper stepper(plan, learns, {}, {});
  const auto samples = samples_of(stepper.network().config(), batch, length);
  Leaf leaf;
  for (const auto& sample : samples) leaf.push_back(&sample);
  const std::vector<Leaf> leaves = {leaf};
  stepper.step(leaves, {});  // not counted
  std::vector<double> times;
  double loss = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const double begin = seconds();
    loss = stepper.step(leaves, {}).loss;
    times.push_back(seconds() - begin);
  }
  std::sort(times.begin(), times.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double median = times[times.size() / 2];
  std::printf("%s\n", Json::object({{"seconds_a_step", median},
                                    {"samples_per_s", static_cast<double>(batch) / median},
                                    {"loss", loss},
                                    {"peak_bytes", static_cast<int64_t>(usage.ru_maxrss) * 1024}})
                          .dump()
                          .c_str());
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::fprintf(stderr, "usage: train_bench MODEL STAGE STEPS BATCH LENGTH\n");
    return 2;
  }
  try {
    run(arguments);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "train_bench: %s\n", error.message().c_str());
    return 1;
  }
}
