// Penalties, biases, truncations and the draw.
#include "generate/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "base/error.hpp"

namespace llava::core {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

struct Candidate {
  int32_t id;
  float logit;
};

void check_range(bool right, const char* name, double value, const char* range) {
  if (!right) throw Error(Status::argument, cat(name, " is ", value, ", expected ", range));
}

void check_id(int32_t id, int64_t vocabulary, const char* where) {
  if (id < 0 || id >= vocabulary)
    throw Error(Status::argument, cat(where, ": token id ", id, " is outside the vocabulary of ", vocabulary));
}

uint64_t fresh_seed() {
  std::random_device device;  // getrandom(): no state shared with the host
  // 53 bits, so that the seed survives JSON and doubles
  return ((static_cast<uint64_t>(device()) << 32) | device()) & ((uint64_t{1} << 53) - 1);
}

void penalise_repetition(std::span<float> logits, std::span<const int32_t> history, double penalty) {
  if (penalty == 1.0) return;
  std::vector<bool> seen(logits.size());
  for (const auto id : history) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size() || seen[static_cast<size_t>(id)]) continue;
    seen[static_cast<size_t>(id)] = true;
    auto& logit = logits[static_cast<size_t>(id)];
    logit = static_cast<float>(logit > 0 ? logit / penalty : logit * penalty);
  }
}

double log_sum_exp(std::span<const float> logits) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  return top + std::log(sum);
}

// the most likely `count` ids, best first; ties by the smaller id
std::vector<Candidate> best(std::span<const float> logits, size_t count) {
  std::vector<Candidate> all;
  all.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kNever) all.push_back({static_cast<int32_t>(i), logits[i]});
  count = std::min(count, all.size());
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(count), all.end(), better);
  all.resize(count);
  return all;
}

// keeps a candidate while the mass before it is below top_p and it has at least min_p of the best one's probability
size_t truncate(const std::vector<double>& weights, double top_p, double min_p) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double before = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (i > 0 && (before >= top_p * total || weights[i] < min_p * weights[0])) return i;
    before += weights[i];
  }
  return weights.size();
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options, int64_t vocabulary)
    : options_(options), seed_(options.seed < 0 ? fresh_seed() : static_cast<uint64_t>(options.seed)), rng_(seed_) {
  check_range(std::isfinite(options.temperature) && options.temperature >= 0, "temperature", options.temperature,
              ">= 0");
  check_range(options.top_k >= 0, "top_k", static_cast<double>(options.top_k), ">= 0 (0 = all)");
  check_range(options.top_p > 0 && options.top_p <= 1, "top_p", options.top_p, "in (0, 1]");
  check_range(options.min_p >= 0 && options.min_p < 1, "min_p", options.min_p, "in [0, 1)");
  check_range(std::isfinite(options.repetition_penalty) && options.repetition_penalty > 0, "repetition_penalty",
              options.repetition_penalty, "> 0");
  check_range(options.seed >= -1, "seed", static_cast<double>(options.seed), ">= 0, or -1 for a fresh one");
  for (const auto& [id, bias] : options.logit_bias) {
    check_id(id, vocabulary, "logit_bias");
    check_range(!std::isnan(bias) && bias != -kNever, "logit_bias", bias, "a number or -infinity");
  }
  for (const auto id : options.forbidden) check_id(id, vocabulary, "bad_ids");
}

Draw Sampler::draw(std::span<float> logits, std::span<const int32_t> history, int64_t top_logprobs) {
  for (const float logit : logits)
    if (std::isnan(logit) || logit == -kNever)
      throw Error(Status::diverged, "the logits hold NaN or infinity: weights or embeddings are damaged");
  penalise_repetition(logits, history, options_.repetition_penalty);
  for (const auto& [id, bias] : options_.logit_bias) logits[static_cast<size_t>(id)] += bias;
  for (const auto id : options_.forbidden) logits[static_cast<size_t>(id)] = kNever;

  const bool greedy = options_.temperature == 0;
  size_t wanted = options_.top_k > 0 ? static_cast<size_t>(options_.top_k) : logits.size();
  if (greedy) wanted = 1;
  const auto shown = top_logprobs > 0 ? best(logits, static_cast<size_t>(top_logprobs)) : std::vector<Candidate>();
  auto candidates = best(logits, wanted);
  if (candidates.empty()) throw Error(Status::argument, "bad_ids and logit_bias leave no token to draw");

  Draw draw;
  draw.id = candidates.front().id;
  if (!greedy) {
    std::vector<double> weights(candidates.size());
    for (size_t i = 0; i < weights.size(); ++i)
      weights[i] = std::exp((static_cast<double>(candidates[i].logit) - candidates[0].logit) / options_.temperature);
    weights.resize(truncate(weights, options_.top_p, options_.min_p));
    double left = rng_.next_uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
    size_t pick = 0;
    while (pick + 1 < weights.size() && left >= weights[pick]) left -= weights[pick++];
    draw.id = candidates[pick].id;
  }
  if (top_logprobs >= 0) {
    const double norm = log_sum_exp(logits);
    draw.logprob = static_cast<float>(logits[static_cast<size_t>(draw.id)] - norm);
    for (const auto& [id, logit] : shown) draw.top.push_back({id, static_cast<float>(logit - norm)});
  }
  return draw;
}

}  // namespace llava::core
