// attention() against the formula in f64: grouped keys, a past, blocks that do not fit, long prompts.
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include "ops/support.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

struct Case {
  int64_t queries, past, heads, groups, width;
  bool causal = true;
  at::ScalarType stored = at::kFloat;  // of keys and values
  int64_t window = 0;
};

at::Tensor expected_attention(const at::Tensor& q_LHK, const at::Tensor& k_SGK, const at::Tensor& v_SGK, int64_t past,
                              bool causal, double scale, int64_t window = 0) {
  const int64_t copies = q_LHK.size(1) / k_SGK.size(1), queries = q_LHK.size(0), keys = k_SGK.size(0);
  const auto q = q_LHK.transpose(0, 1).to(at::kDouble);
  const auto k = k_SGK.transpose(0, 1).to(at::kDouble).repeat_interleave(copies, 0);
  const auto v = v_SGK.transpose(0, 1).to(at::kDouble).repeat_interleave(copies, 0);
  auto scores = at::matmul(q, k.transpose(1, 2)) * scale;
  const auto hidden = at::arange(keys).unsqueeze(0) > (at::arange(queries) + past).unsqueeze(1);
  if (causal) scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  const auto forgotten = at::arange(keys).unsqueeze(0) <= (at::arange(queries) + (past - window)).unsqueeze(1);
  if (window) scores = scores.masked_fill(forgotten, -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), v).transpose(0, 1);
}

double attention_distance(const Case& c, int64_t extra_keys = 0) {
  const int64_t keys = c.past + c.queries + extra_keys;
  const double scale = 1 / std::sqrt(double(c.width));
  const auto q = random({c.queries, c.heads, c.width}, 1) * 2;
  const auto k = random({keys, c.groups, c.width}, 2).to(c.stored),
             v = random({keys, c.groups, c.width}, 3).to(c.stored);
  return distance(attention(q, k, v, c.past, c.causal, scale, c.window),
                  expected_attention(q, k, v, c.past, c.causal, scale, c.window));
}

}  // namespace

TEST_SUITE("ops/attention") {
  TEST_CASE("decode: one query sees the whole past, whatever the cache holds") {
    with_each_isa([] {
      for (const auto stored : {at::kFloat, at::kBFloat16, at::kHalf})
        for (const int64_t past : {0, 2, 16, 63, 1025})
          for (const int64_t width : {1, 17, 64, 128}) {
            CAPTURE(past);
            CAPTURE(width);
            CHECK(attention_distance({1, past, 4, 2, width, true, stored}) < 3e-6);
          }
    });
  }

  TEST_CASE("prefill: causal, with and without a past, odd lengths") {
    with_each_isa([] {
      for (const auto stored : {at::kFloat, at::kBFloat16})
        for (const int64_t queries : {2, 7, 33, 200})
          for (const int64_t past : {0, 17, 129})
            for (const int64_t width : {7, 64}) {
              CAPTURE(queries);
              CAPTURE(past);
              CAPTURE(width);
              CHECK(attention_distance({queries, past, 4, 2, width, true, stored}) < 3e-6);
            }
    });
  }

  TEST_CASE("grouped keys: any number of heads to a group") {
    with_each_isa([] {
      for (const int64_t groups : {1, 2, 3, 6})
        for (const int64_t queries : {1, 5, 40}) CHECK(attention_distance({queries, 9, 6, groups, 24}) < 3e-6);
    });
  }

  TEST_CASE("a sliding window: a query sees itself and the window - 1 keys before it") {
    with_each_isa([] {
      for (const auto stored : {at::kFloat, at::kBFloat16})
        for (const int64_t window : {1, 5, 64, 100, 1000})
          for (const int64_t queries : {1, 3, 33, 200})
            for (const int64_t past : {0, 17, 300}) {
              CAPTURE(window);
              CAPTURE(queries);
              CAPTURE(past);
              CHECK(attention_distance({queries, past, 4, 2, 24, true, stored, window}) < 3e-6);
            }
    });
  }

  TEST_CASE("without a mask every query sees every key, also those behind it") {
    with_each_isa([] {
      for (const int64_t queries : {1, 2, 31, 130})
        CHECK(attention_distance({queries, 0, 3, 3, 20, false}, /*extra_keys=*/37) < 3e-6);
    });
  }

  TEST_CASE("keys beyond the last query stay unseen when causal") {
    with_each_isa([] {
      for (const int64_t queries : {1, 2, 40})
        CHECK(attention_distance({queries, 3, 2, 2, 16}, /*extra_keys=*/50) < 3e-6);
    });
  }

  TEST_CASE("a batch of pictures is each picture for itself") {
    with_each_isa([] {
      const auto q = random({3, 50, 4, 16}, 1), k = random({3, 50, 4, 16}, 2), v = random({3, 50, 4, 16}, 3);
      const auto found = attention_batched(q, k, v, 0.25);
      for (int64_t n = 0; n < 3; ++n)
        CHECK(distance(found[n], expected_attention(q[n], k[n], v[n], 0, false, 0.25)) < 3e-6);
    });
  }

  TEST_CASE("parts of a fused projection and of a larger cache are read where they lie") {
    with_each_isa([] {
      for (const int64_t queries : {1, 19}) {
        const auto fused = random({queries, 3, 4, 16});
        const auto cache = random({2, 4, 64, 16}, 2).to(at::kBFloat16);  // [k and v, G, capacity, K]
        const auto q = fused.select(1, 0);
        const auto k = cache[0].transpose(0, 1).slice(0, 0, 40), v = cache[1].transpose(0, 1).slice(0, 0, 40);
        const int64_t past = 40 - queries;
        CHECK(distance(attention(q, k, v, past, true, 0.25), expected_attention(q, k, v, past, true, 0.25)) < 3e-6);
      }
    });
  }

  TEST_CASE("scores far from zero neither overflow nor vanish") {
    with_each_isa([] {
      for (const int64_t queries : {1, 40}) {
        const auto q = random({queries, 2, 32}) * 100, k = random({queries + 7, 2, 32}, 2) * 100;
        const auto v = random({queries + 7, 2, 32}, 3);
        CHECK(distance(attention(q, k, v, 7, true, 1.0), expected_attention(q, k, v, 7, true, 1.0)) < 2e-3);
      }
    });
  }

  TEST_CASE("no queries give no rows, and shapes that do not fit are an internal error") {
    with_each_isa([] {
      CHECK(attention(random({0, 4, 8}), random({5, 2, 8}), random({5, 2, 8}), 5, true, 1).sizes() ==
            at::IntArrayRef({0, 4, 8}));
    });
    const auto q = random({2, 4, 8});
    CHECK(error_of([&] {
            attention(q, random({2, 3, 8}), random({2, 3, 8}), 0, true, 1);
          }).status() == Status::internal);
    CHECK(error_of([&] {
            attention(q, random({2, 2, 8}), random({2, 2, 8}), 1, true, 1);
          }).status() == Status::internal);
  }
}
