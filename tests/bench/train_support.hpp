// What the benches of training share: samples of one length, and a clock.
#pragma once

#include <ATen/ops/randn.h>

#include <chrono>
#include <vector>

#include "model/splice.hpp"
#include "train/stepper.hpp"

namespace llava::core {

/// BOS, a picture, words; the second half is learned. As tools/reference/train_bench.py makes them.
inline std::vector<TrainingSample> samples_of(const ModelConfig& config, int64_t count, int64_t length) {
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

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace llava::core
