// The key-value cache: how it grows, and what it holds then.
#include "model/kv_cache.hpp"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>

#include "support/doctest.hpp"

using namespace llava::core;

namespace {

LanguageConfig small() {
  LanguageConfig config;
  config.layers = 2;
  config.key_value_heads = 1;
  config.head_width = 4;
  config.context = 300;
  return config;
}

KvCache cache_for(int64_t context) { return {small(), context, at::kFloat, at::kCPU}; }

// One position whose numbers are `value`, in every layer.
void append(KvCache& cache, double value) {
  cache.reserve(cache.length() + 1);
  const auto row_LGK = at::full({1, 1, 4}, value, at::kFloat);
  for (int64_t layer = 0; layer < 2; ++layer) cache.write(layer, row_LGK, row_LGK.neg());
  cache.advance(1);
}

}  // namespace

TEST_SUITE("model/kv_cache") {
  TEST_CASE("stretched positions beyond the trained context are copied a few times, not at every step") {
    auto config = small();
    config.rope.scaling = RopeConfig::Scaling::linear;
    config.rope.factor = 10;
    KvCache cache(config, config.reachable_context(), at::kFloat, at::kCPU);
    int moves = 0;
    const void* before = nullptr;
    for (int i = 0; i < 2000; ++i) {
      append(cache, i);
      const void* now = cache.keys(1, 1).const_data_ptr();
      moves += now != before;
      before = now;
    }
    CHECK(moves <= 7);  // 256, 384, 576, 864, 1296, 1944, 2916
    for (const int64_t position : {0, 255, 256, 1999}) {
      CHECK(cache.keys(0, 2000)[position][0][3].item<float>() == static_cast<float>(position));
      CHECK(cache.values(1, 2000)[position][0][0].item<float>() == -static_cast<float>(position));
    }
  }

  TEST_CASE("it never takes more room than the context asks for") {
    auto cache = cache_for(300);
    cache.reserve(1);
    const auto first = cache.size_bytes();
    cache.reserve(257);
    CHECK(cache.size_bytes() == first * 300 / 256);
  }

  TEST_CASE("room that cannot be had leaves everything as it was") {
    auto cache = cache_for(300);
    for (int i = 0; i < 5; ++i) append(cache, i);
    const auto before = cache.keys(1, 5).clone();
    CHECK_THROWS(cache.reserve(int64_t{1} << 50));
    CHECK(cache.length() == 5);
    CHECK(at::equal(cache.keys(1, 5), before));
    append(cache, 5);
    CHECK(cache.keys(1, 6)[5][0][0].item<float>() == 5);
  }

  TEST_CASE("a fork has storage of its own") {
    auto cache = cache_for(300);
    append(cache, 1);
    auto copy = cache.fork();
    cache.truncate(0);
    append(cache, 2);
    append(copy, 3);
    CHECK(copy.keys(0, 2)[0][0][0].item<float>() == 1);
    CHECK(copy.keys(0, 2)[1][0][0].item<float>() == 3);
    CHECK(cache.keys(0, 1)[0][0][0].item<float>() == 2);
  }
}
