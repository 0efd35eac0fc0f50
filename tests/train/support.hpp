// The samples and steps that the goldens of training share (tests/golden/training/make.py).
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

#include "support/golden.hpp"
#include "train/stepper.hpp"

// after everything that includes LibTorch: files that include this one put it last
#include "support/doctest.hpp"

namespace train_test {

using llava::core::testing::Golden;
using namespace llava::core;

/// Where the tests were built, or (tools/gpu-check --pack) the folder they are run in.
inline const std::string kData = std::filesystem::exists(LLAVA_TEST_DATA "/golden") ? LLAVA_TEST_DATA : "tests";
inline const std::string kGolden = kData + "/golden/training/";
inline const std::string kTiny = kData + "/golden/model/tiny";
inline constexpr size_t kLeaves = 2, kSamples = 3;  // make.py's LEAVES and SAMPLES
inline constexpr int64_t kSteps = 10;

inline std::vector<TrainingSample> samples_of(const Golden& golden) {
  const auto ids = golden.integers("ids"), learned = golden.integers("learned"), lengths = golden.integers("lengths"),
             images = golden.integers("images");
  const auto pixels = golden.tensor("pixels");
  std::vector<TrainingSample> samples;
  int64_t at = 0, picture = 0;
  for (size_t i = 0; i < lengths.size(); ++i) {
    TrainingSample sample;
    for (const auto end = at + lengths[i]; at < end; ++at) {
      sample.ids.push_back(ids[static_cast<size_t>(at)]);
      sample.learned.push_back(static_cast<uint8_t>(learned[static_cast<size_t>(at)]));
    }
    for (int64_t k = 0; k < images[i]; ++k) sample.pixels.push_back(pixels[picture++]);
    samples.push_back(std::move(sample));
  }
  return samples;
}

inline std::vector<Leaf> leaves_of(const std::vector<TrainingSample>& samples, int64_t step) {
  std::vector<Leaf> leaves(kLeaves);
  for (size_t i = 0; i < kLeaves * kSamples; ++i)
    leaves[i / kSamples].push_back(&samples[(static_cast<size_t>(step) * kLeaves * kSamples + i) % samples.size()]);
  return leaves;
}

inline double relative(const at::Tensor& ours, const at::Tensor& theirs) {
  const auto largest = theirs.abs().max().item<double>();
  return largest > 0 ? ours.sub(theirs).abs().max().item<double>() / largest : ours.abs().max().item<double>();
}

/// The gradient of the first step as one flat buffer; `change` may set the policy of each micro-batch.
template <typename Change>
at::Tensor first_gradient(Network& network, const std::vector<TrainingSample>& samples, Change&& change) {
  GradientSum sum;
  const auto leaves = leaves_of(samples, 0);
  for (size_t i = 0; i < leaves.size(); ++i) {
    auto batch =
        make_micro_batch(leaves[i], network.config().language.vocabulary, network.config().tokens_per_image(), 0);
    batch.draw = {0, static_cast<int64_t>(i)};
    change(batch);
    network.pass(batch, 1.0 / static_cast<double>(batch.labels() * static_cast<int64_t>(leaves.size())), {});
    sum.push(network.learners().gradient());
  }
  return sum.take();
}

inline at::Tensor first_gradient(Network& network, const std::vector<TrainingSample>& samples) {
  return first_gradient(network, samples, [](MicroBatch&) {});
}

/// The largest relative distance of ten losses from the expected ones.
inline double losses_differ(Stepper& stepper, const std::vector<TrainingSample>& samples, const at::Tensor& expected) {
  double worst = 0;
  for (int64_t step = 0; step < kSteps; ++step) {
    const auto wanted = expected[step].item<double>();
    worst = std::max(worst, std::abs(stepper.step(leaves_of(samples, step), {}).loss - wanted) / wanted);
  }
  return worst;
}

}  // namespace train_test
