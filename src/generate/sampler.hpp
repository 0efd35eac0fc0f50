// From logits to one token: penalties, biases, truncations, and a draw from a generator of the call's own.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.hpp"

namespace llava::core {

struct SamplingOptions {
  double temperature = 0.2;                           // 0 = greedy
  int64_t top_k = 0;                                  // 0 = all
  double top_p = 1.0;                                 // (0, 1]
  double min_p = 0.0;                                 // [0, 1)
  double repetition_penalty = 1.0;                    // > 0 (Keskar et al. 2019); over prompt and answer
  int64_t seed = -1;                                  // -1 = fresh, reported back
  std::vector<std::pair<int32_t, float>> logit_bias;  // finite; several for one id are added
  std::vector<int32_t> forbidden;                     // ids that are never drawn
};

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
};

struct Draw {
  int32_t id = 0;
  /// Of the drawn id, after biases and penalties, before truncation; NaN when no log-probabilities were asked for.
  float logprob = std::numeric_limits<float>::quiet_NaN();
  std::vector<TokenLogprob> top;  // the most likely ids, best first, when asked for
};

class Sampler {
 public:
  /// Throws Error(argument) for options out of range; `vocabulary` bounds the ids in them.
  Sampler(const SamplingOptions& options, int64_t vocabulary);

  /// `logits` [V] is changed in place. `history` are the ids of prompt and answer so far (image places left out),
  /// `not_yet` ids that cannot be drawn this time.
  ///
  /// Order: bias, repetition penalty, forbidden ids, temperature, top-k, top-p, min-p, as transformers v4.57 orders its
  /// processors (generation/utils.py, _get_logits_processor). What bias and penalty make of a logit is kept within
  /// ±1e30, so that probabilities stay numbers. Of equally likely ids the truncations keep the smaller.
  ///
  /// Throws Error(diverged) when a logit is NaN or infinite, Error(argument) when nothing is left to draw.
  /// Time O(V): nothing is sorted but what `top_logprobs` shows.
  Draw draw(std::span<float> logits, std::span<const int32_t> history, int64_t top_logprobs,
            std::span<const int64_t> not_yet = {});

  uint64_t seed() const { return seed_; }

 private:
  SamplingOptions options_;
  uint64_t seed_;
  Rng rng_;
};

}  // namespace llava::core
