// Drawing tokens: every option, against what can be computed by hand.
#include "generate/sampler.hpp"

#include <cmath>
#include <limits>

#include "support/doctest.hpp"

using namespace llava::core;

namespace {

SamplingOptions plain(double temperature) {
  SamplingOptions options;
  options.temperature = temperature;
  options.seed = 7;
  return options;
}

int32_t draw_one(const SamplingOptions& options, std::vector<float> logits, std::vector<int32_t> history = {}) {
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  return sampler.draw(logits, history, -1).id;
}

std::vector<int> counts(const SamplingOptions& options, const std::vector<float>& logits, int draws) {
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  std::vector<int> seen(logits.size());
  for (int i = 0; i < draws; ++i) {
    auto copy = logits;
    ++seen[static_cast<size_t>(sampler.draw(copy, {}, -1).id)];
  }
  return seen;
}

}  // namespace

TEST_SUITE("generate/sampler") {
  TEST_CASE("temperature 0 takes the largest logit, the first of equals") {
    CHECK(draw_one(plain(0), {0.f, 2.f, 1.f, 2.f}) == 1);
  }

  TEST_CASE("draws follow the probabilities") {
    const auto seen = counts(plain(1), {std::log(0.5f), std::log(0.3f), std::log(0.2f)}, 20000);
    CHECK(seen[0] == doctest::Approx(10000).epsilon(0.03));
    CHECK(seen[1] == doctest::Approx(6000).epsilon(0.05));
    CHECK(seen[2] == doctest::Approx(4000).epsilon(0.05));
  }

  TEST_CASE("top-k, top-p and min-p cut the tail where their definitions say") {
    const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
    auto options = plain(1);
    options.top_k = 2;
    CHECK(counts(options, logits, 2000)[2] == 0);
    options = plain(1);
    options.top_p = 0.7;  // 0.5 is not enough, 0.5 + 0.3 is
    auto seen = counts(options, logits, 2000);
    CHECK(seen[1] > 0);
    CHECK(seen[2] == 0);
    options = plain(1);
    options.min_p = 0.2;  // 0.1 at least
    seen = counts(options, logits, 2000);
    CHECK(seen[2] > 0);
    CHECK(seen[3] == 0);
  }

  TEST_CASE("a repetition penalty lowers what was said, whatever its sign") {
    auto options = plain(0);
    options.repetition_penalty = 2;
    CHECK(draw_one(options, {3.f, 2.f}, {0}) == 1);
    CHECK(draw_one(options, {-1.f, -1.5f}, {0}) == 1);
    CHECK(draw_one(options, {3.f, 2.f}, {0, 1}) == 0);
  }

  TEST_CASE("biases and forbidden ids") {
    auto options = plain(0);
    options.logit_bias = {{0, -5.f}};
    CHECK(draw_one(options, {3.f, 2.f}) == 1);
    options.forbidden = {1};
    CHECK(draw_one(options, {3.f, 2.f}) == 0);
    options.forbidden = {0, 1};
    CHECK(error_of([&] { draw_one(options, {3.f, 2.f}); }).status() == Status::argument);
  }

  TEST_CASE("the same seed gives the same draws and a fresh one is reported") {
    const std::vector<float> logits(50, 0.f);
    CHECK(counts(plain(1), logits, 100) == counts(plain(1), logits, 100));
    auto options = plain(1);
    options.seed = -1;
    CHECK(Sampler(options, 5).seed() != Sampler(options, 5).seed());
  }

  TEST_CASE("log-probabilities are of the softmax after biases") {
    Sampler sampler(plain(0), 3);
    std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
    const auto draw = sampler.draw(logits, {}, 2);
    CHECK(std::exp(draw.logprob) == doctest::Approx(0.5));
    REQUIRE(draw.top.size() == 2);
    CHECK(draw.top[1].id == 1);
    CHECK(std::exp(draw.top[1].logprob) == doctest::Approx(0.3));
  }

  TEST_CASE("NaN and infinite logits are DIVERGED") {
    CHECK(error_of([] { draw_one(plain(0), {0.f, std::nanf("")}); }).status() == Status::diverged);
    CHECK(error_of([] {
            draw_one(plain(0), {0.f, std::numeric_limits<float>::infinity()});
          }).status() == Status::diverged);
  }

  TEST_CASE("options out of range are named") {
    auto options = plain(-1);
    CHECK(error_of([&] { Sampler(options, 5); }).message() == "temperature is -1, expected >= 0");
    options = plain(1);
    options.top_p = 0;
    CHECK(error_of([&] { Sampler(options, 5); }).status() == Status::argument);
    options = plain(1);
    options.logit_bias = {{5, 1.f}};
    CHECK(error_of([&] { Sampler(options, 5); }).message() == "logit_bias: token id 5 is outside the vocabulary of 5");
  }
}
