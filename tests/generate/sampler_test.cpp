// Drawing tokens: every option, against what can be computed by hand.
#include "generate/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "base/json.hpp"
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

std::vector<int> counts(const SamplingOptions& options, const std::vector<float>& logits, int draws,
                        const std::vector<int32_t>& history = {}) {
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  std::vector<int> seen(logits.size());
  for (int i = 0; i < draws; ++i) {
    auto copy = logits;
    ++seen[static_cast<size_t>(sampler.draw(copy, history, -1).id)];
  }
  return seen;
}

// A case of tests/golden/sampler/expected.json.
struct Expected {
  explicit Expected(const Json& json) {
    const auto& from = json.at("options");
    const auto number = [&](const char* key, double otherwise) {
      return read_number(from, key, key, 0, 1e6, otherwise);
    };
    options = plain(number("temperature", 1));
    options.top_k = read_int(from, "top_k", "top_k", 0, 100, 0);
    options.top_p = number("top_p", 1);
    options.min_p = number("min_p", 0);
    options.repetition_penalty = number("repetition_penalty", 1);
    for (const auto id : read_int_list(from, "forbidden", "forbidden", 0, 100, std::vector<int64_t>()))
      options.forbidden.push_back(static_cast<int32_t>(id));
    if (from.contains("logit_bias"))
      for (const auto& [id, value] : from.at("logit_bias").items())
        options.logit_bias.emplace_back(std::stoi(id), static_cast<float>(value.number()));
    for (const auto id : read_int_list(json, "history", "history", 0, 100)) history.push_back(static_cast<int32_t>(id));
    for (const auto& value : json.at("logits").elements()) logits.push_back(static_cast<float>(value.number()));
    for (const auto& value : json.at("logprobs").elements()) logprobs.push_back(value.is_null() ? 1 : value.number());
    for (const auto& value : json.at("probs").elements()) probs.push_back(value.number());
  }
  SamplingOptions options;
  std::vector<int32_t> history;
  std::vector<float> logits;
  std::vector<double> logprobs, probs;  // 1: forbidden
};

std::vector<Expected> transformers_cases() {
  std::ifstream file(LLAVA_TEST_DATA "/golden/sampler/expected.json");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto list = parse_json(text, "expected.json");
  std::vector<Expected> cases;
  for (const auto& item : list.elements()) cases.emplace_back(item);
  return cases;
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

  TEST_CASE("log-probabilities equal those of transformers' processors") {
    const auto cases = transformers_cases();
    REQUIRE(cases.size() == 12);
    for (size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(i);
      const auto& expected = cases[i];
      Sampler sampler(expected.options, static_cast<int64_t>(expected.logits.size()));
      auto logits = expected.logits;
      const auto draw = sampler.draw(logits, expected.history, static_cast<int64_t>(logits.size()));
      const auto forbidden = std::count(expected.logprobs.begin(), expected.logprobs.end(), 1.0);
      CHECK(draw.top.size() + static_cast<size_t>(forbidden) == logits.size());
      for (const auto& [id, logprob] : draw.top)
        CHECK(std::abs(static_cast<double>(logprob) - expected.logprobs[static_cast<size_t>(id)]) <= 2e-5);
    }
  }

  TEST_CASE("draws meet the ids that transformers' warpers leave, as often as they should") {
    const auto cases = transformers_cases();
    constexpr int kDraws = 20000;
    for (size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(i);
      const auto seen = counts(cases[i].options, cases[i].logits, kDraws, cases[i].history);
      for (size_t id = 0; id < seen.size(); ++id) {
        CAPTURE(id);
        if (cases[i].probs[id] == 0) CHECK(seen[id] == 0);
        CHECK(std::abs(seen[id] / double{kDraws} - cases[i].probs[id]) <= 0.015);
      }
    }
  }

  TEST_CASE("the mass is cut where a full sort would cut it") {
    Rng rng(3);
    for (int round = 0; round < 50; ++round) {
      std::vector<float> logits(257);
      for (auto& logit : logits) logit = std::round(static_cast<float>(rng.next_uniform()) * 40) / 4;  // with ties
      auto options = plain(1);
      options.top_p = 0.02 + 0.96 * rng.next_uniform();
      std::vector<size_t> order(logits.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = i;
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
      double total = 0, before = 0;
      for (const float logit : logits) total += std::exp(static_cast<double>(logit));
      const auto seen = counts(options, logits, 400);
      for (const auto id : order) {
        if (before >= options.top_p * total * (1 + 1e-9)) CHECK(seen[id] == 0);
        before += std::exp(static_cast<double>(logits[id]));
      }
    }
  }

  TEST_CASE("penalties and biases of any size leave numbers") {
    for (const double penalty : {1e-38, 1e-300, 1e300}) {
      auto options = plain(1);
      options.repetition_penalty = penalty;
      options.logit_bias = {{2, 3e38f}, {2, 3e38f}, {1, -3e38f}, {1, -3e38f}};
      Sampler sampler(options, 4);
      std::vector<float> logits = {1.f, -2.f, 3.f, 0.5f};
      const auto draw = sampler.draw(logits, std::vector<int32_t>{0, 1, 2}, 4);
      CHECK(std::isfinite(draw.logprob));
      for (const auto& [id, logprob] : draw.top) CHECK(std::isfinite(logprob));
    }
    auto options = plain(1);
    options.logit_bias = {{0, std::numeric_limits<float>::infinity()}};
    CHECK(error_of([&] { Sampler(options, 5); }).status() == Status::argument);
  }

  TEST_CASE("log-probabilities nobody asked for are NaN, and ids for later are not drawn") {
    Sampler sampler(plain(0), 3);
    std::vector<float> logits = {3.f, 2.f, 1.f};
    const auto draw = sampler.draw(logits, {}, -1, std::vector<int64_t>{0, 1});
    CHECK(std::isnan(draw.logprob));
    CHECK(draw.id == 2);
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
