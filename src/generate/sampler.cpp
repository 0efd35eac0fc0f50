// Penalties, biases, truncations and the draw.
#include "generate/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.hpp"

namespace llava::core {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kFurthest = 1e30f;  // of a logit that was changed: differences and sums stay finite
constexpr double kHopeless = -50;   // of a log-weight: 2^22 such ids together are below the 53 bits of a draw

struct Candidate {
  int32_t id;
  double value;  // a logit, or a weight
};

bool better(const Candidate& a, const Candidate& b) { return a.value != b.value ? a.value > b.value : a.id < b.id; }

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

float bounded(double logit) { return static_cast<float>(std::clamp<double>(logit, -kFurthest, kFurthest)); }

void add_biases(std::span<float> logits, const std::vector<std::pair<int32_t, float>>& biases) {
  for (const auto& [id, bias] : biases) {
    auto& logit = logits[static_cast<size_t>(id)];
    logit = bounded(static_cast<double>(logit) + static_cast<double>(bias));
  }
}

void penalise_repetition(std::span<float> logits, std::span<const int32_t> history, double penalty) {
  if (penalty == 1.0) return;
  std::vector<bool> seen(logits.size());
  for (const auto id : history) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size() || seen[static_cast<size_t>(id)]) continue;
    seen[static_cast<size_t>(id)] = true;
    auto& logit = logits[static_cast<size_t>(id)];
    logit = bounded(logit > 0 ? static_cast<double>(logit) / penalty : static_cast<double>(logit) * penalty);
  }
}

double log_sum_exp(std::span<const float> logits) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  return top + std::log(sum);
}

std::vector<Candidate> all_of(std::span<const float> logits) {
  std::vector<Candidate> all;
  all.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kNever) all.push_back({static_cast<int32_t>(i), static_cast<double>(logits[i])});
  return all;
}

// the most likely `count` ids, best first; ties by the smaller id
std::vector<Candidate> best(std::span<const float> logits, size_t count) {
  auto all = all_of(logits);
  count = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(count), all.end(), better);
  all.resize(count);
  return all;
}

int32_t most_likely(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double mass_of(std::span<const Candidate> candidates) {
  double mass = 0;
  for (const auto& candidate : candidates) mass += candidate.value;
  return mass;
}

// the `count` best; in no order
void keep_best(std::vector<Candidate>& candidates, size_t count) {
  if (count >= candidates.size()) return;
  const auto end = candidates.begin() + static_cast<ptrdiff_t>(count);
  if (count < candidates.size() / 16)
    std::partial_sort(candidates.begin(), end, candidates.end(), better);  // a look at each: few get into its heap
  else
    std::nth_element(candidates.begin(), end, candidates.end(), better);
  candidates.resize(count);
}

// Logits to weights, 1 for `top`; those that no draw could meet are left out.
void weigh(std::vector<Candidate>& candidates, double top, double temperature) {
  for (auto& [id, value] : candidates) {
    const double log_weight = (value - top) / temperature;
    value = log_weight > kHopeless ? std::exp(log_weight) : 0;
  }
  std::erase_if(candidates, [](const Candidate& one) { return one.value == 0; });
}

// The heaviest that hold top_p of the mass: one is kept while the mass of those before it is less. Nothing is sorted:
// first those go that are so light that all of them together fit into what is cut, then halves are told apart, and only
// the half in which the border lies is looked at again.
void keep_mass(std::vector<Candidate>& weights, double top_p) {
  double mass = mass_of(weights);
  const double goal = top_p * mass;
  for (size_t size = 2 * weights.size(); weights.size() < size / 4 * 3;) {
    size = weights.size();
    const double light = (mass - goal) / static_cast<double>(size);
    std::erase_if(weights, [light](const Candidate& one) { return one.value < light; });
    mass = mass_of(weights);
  }
  size_t first = 0, last = weights.size();  // the border lies in first + 1 … last
  double before = 0;                        // mass of the first `first`
  while (last - first > 1) {
    const size_t middle = first + (last - first) / 2;
    const auto at = [&](size_t index) { return weights.begin() + static_cast<ptrdiff_t>(index); };
    std::nth_element(at(first), at(middle), at(last), better);
    const double upper = before + mass_of(std::span(weights).subspan(first, middle - first));
    if (upper >= goal) {
      last = middle;
    } else {
      first = middle;
      before = upper;
    }
  }
  weights.resize(last);
}

// What the truncations leave, in order of the ids.
std::vector<Candidate> candidates_of(std::span<const float> logits, const SamplingOptions& options) {
  auto chosen = all_of(logits);
  if (options.top_k > 0) keep_best(chosen, static_cast<size_t>(options.top_k));
  weigh(chosen, static_cast<double>(logits[static_cast<size_t>(most_likely(logits))]), options.temperature);
  if (options.top_p < 1) keep_mass(chosen, options.top_p);
  if (options.min_p > 0) std::erase_if(chosen, [&](const Candidate& one) { return one.value < options.min_p; });
  if (options.top_k > 0 || options.top_p < 1)
    std::sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return chosen;
}

int32_t pick(const std::vector<Candidate>& weights, double uniform) {
  double left = uniform * mass_of(weights);
  size_t index = 0;
  while (index + 1 < weights.size() && left >= weights[index].value) left -= weights[index++].value;
  return weights[index].id;
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
    check_range(std::isfinite(bias), "logit_bias", static_cast<double>(bias), "a finite number");
  }
  for (const auto id : options.forbidden) check_id(id, vocabulary, "bad_ids");
}

Draw Sampler::draw(std::span<float> logits, std::span<const int32_t> history, int64_t top_logprobs,
                   std::span<const int64_t> not_yet) {
  for (const float logit : logits)
    if (!std::isfinite(logit))
      throw Error(Status::diverged, "the logits hold NaN or infinity: weights or embeddings are damaged");
  add_biases(logits, options_.logit_bias);
  penalise_repetition(logits, history, options_.repetition_penalty);
  for (const auto id : options_.forbidden) logits[static_cast<size_t>(id)] = kNever;
  for (const auto id : not_yet) logits[static_cast<size_t>(id)] = kNever;

  Draw draw;
  draw.id = most_likely(logits);
  if (logits[static_cast<size_t>(draw.id)] == kNever)
    throw Error(Status::argument, "bad_ids and min_tokens leave no token to draw");
  if (options_.temperature > 0) draw.id = pick(candidates_of(logits, options_), rng_.next_uniform());
  if (top_logprobs < 0) return draw;
  const double norm = log_sum_exp(logits);
  draw.logprob = static_cast<float>(static_cast<double>(logits[static_cast<size_t>(draw.id)]) - norm);
  if (top_logprobs > 0)
    for (const auto& [id, logit] : best(logits, static_cast<size_t>(top_logprobs)))
      draw.top.push_back({id, static_cast<float>(logit - norm)});
  return draw;
}

}  // namespace llava::core
