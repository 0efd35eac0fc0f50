// The loop that runs on LibTorch's threads, and the block of scratch memory.
#include "ops/cpu/parallel.hpp"

#include <ATen/Parallel.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ops/cpu/scratch.hpp"
#include "ops/support.hpp"

using namespace llava::core;
using cpu::parallel_for;

TEST_SUITE("ops/parallel") {
  TEST_CASE("every index is visited once, in pieces of at least the grain") {
    for (const int64_t count : {0, 1, 2, 7, 100})
      for (const int64_t grain : {0, 1, 3, 1000}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
        parallel_for(count, grain, [&](int64_t first, int64_t last) {
          CHECK((last == count || last - first >= grain));
          for (int64_t i = first; i < last; ++i) ++visits[static_cast<size_t>(i)];
        });
        for (const auto& visit : visits) CHECK(visit == 1);
      }
  }

  TEST_CASE("the work is done by as many threads as LibTorch has, and by one inside a piece") {
    std::set<std::thread::id> threads;
    std::mutex lock;
    parallel_for(64, 1, [&](int64_t, int64_t) {
      const auto outer = std::this_thread::get_id();
      parallel_for(64, 1, [&](int64_t first, int64_t last) {
        const std::lock_guard guard(lock);
        CHECK(last - first == 64);
        CHECK((std::this_thread::get_id() == outer));
      });
      const std::lock_guard guard(lock);
      threads.insert(outer);
    });
    CHECK(static_cast<int>(threads.size()) == std::min(64, at::get_num_threads()));
  }

  TEST_CASE("an exception of a piece arrives at the caller, and the next loop works") {
    CHECK_THROWS_AS(parallel_for(8, 1, [](int64_t, int64_t) { throw std::runtime_error("one"); }), std::runtime_error);
    std::atomic<int64_t> sum{0};
    parallel_for(8, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) sum += i;
    });
    CHECK(sum == 28);
  }

  TEST_CASE("the scratch block is kept for the next call, and a second call at the same time gets its own") {
    float* kept = nullptr;
    {
      const cpu::Scratch one, two;
      CHECK(one.floats() != two.floats());
      kept = two.floats();  // given back first
    }
    const cpu::Scratch again;
    CHECK(again.floats() == kept);
    again.floats()[cpu::Scratch::kFloats - 1] = 1;
  }
}
