// Numbers in two halves: every pattern comes back, the upper half is the nearest bf16, AdamW takes no notice.
#include "ops/split_master.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <bit>
#include <cmath>
#include <cstdlib>

#include "ops/gradient_reference.hpp"
#include "ops/support.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

constexpr int64_t kPatterns = int64_t{1} << 24;  // at a time

SplitMaster room(int64_t count) {
  return {at::empty({count}, at::TensorOptions(at::kBFloat16)), at::empty({count}, at::TensorOptions(at::kShort))};
}

uint32_t* bits_of(const at::Tensor& values) { return static_cast<uint32_t*>(values.mutable_data_ptr()); }

float number(uint32_t bits) { return std::bit_cast<float>(bits); }

/// Whether `weight` is a nearest bf16 to `value`, of two such the one farther from zero. Both are finite.
bool is_nearest(uint32_t value, uint16_t weight) {
  const double exact = number(value), found = number(uint32_t{weight} << 16);
  const double apart = std::abs(found - exact);
  for (const int step : {-1, 1}) {  // its neighbours
    const auto bits = static_cast<uint16_t>(weight + step);
    const double other = number(uint32_t{bits} << 16);
    if (!std::isfinite(other) || std::signbit(other) != std::signbit(found)) continue;
    const double distance = std::abs(other - exact);
    if (distance < apart || (distance == apart && std::abs(other) > std::abs(found))) return false;
  }
  return std::signbit(exact) == std::signbit(found);
}

/// All patterns with the middle bits of `block` between 16 upper and 8 lower ones that run; the numbers of those that did
/// not come back, and of those whose weight is not the nearest.
std::pair<int64_t, int64_t> failures(const at::Tensor& values, const SplitMaster& halves, uint32_t block) {
  auto* const bits = bits_of(values);
  const auto pattern = [block](int64_t i) {
    const auto word = static_cast<uint32_t>(i);
    return (word >> 8) << 16 | block << 8 | (word & 0xff);
  };
  for (int64_t i = 0; i < kPatterns; ++i) bits[i] = pattern(i);
  split(values, halves);
  values.zero_();
  join(halves, values);
  const auto* const weights = static_cast<const uint16_t*>(halves.weights.const_data_ptr());
  int64_t lost = 0, far = 0;
  for (int64_t i = 0; i < kPatterns; ++i) {
    const auto expected = pattern(i);
    lost += bits[i] != expected;
    const bool finite = std::isfinite(number(expected)) && std::isfinite(number(uint32_t{weights[i]} << 16));
    far += finite && !is_nearest(expected, weights[i]);
  }
  return {lost, far};
}

}  // namespace

TEST_SUITE("ops/split_master") {
  // LLAVA_FULL=1: all 2^32.
  TEST_CASE(
      "2^24 patterns come back to the bit, and of what is finite the weight is the nearest, halves away from zero") {
    const auto values = at::empty({kPatterns}, at::TensorOptions(at::kFloat));
    const auto halves = room(kPatterns);
    const bool full = std::getenv("LLAVA_FULL") != nullptr;
    for (uint32_t block = full ? 0 : 0x80; block < (full ? 0x100u : 0x81u); ++block) {
      CAPTURE(block);
      const auto [lost, far] = failures(values, halves, block);
      CHECK(lost == 0);
      CHECK(far == 0);
    }
  }

  TEST_CASE("what lies between two bf16 numbers, and at the ends") {
    struct Case {
      uint32_t bits;
      uint16_t weight;
    };
    const Case cases[] = {{0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x3f808000, 0x3f81},  // 1 + half a step: up
                          {0xbf808000, 0xbf81}, {0x3f818000, 0x3f82},  // to even would be the same
                          {0x3f807fff, 0x3f80}, {0x3f808001, 0x3f81}, {0x00008000, 0x0001},  // of the smallest numbers
                          {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f80}, {0x7f800000, 0x7f80},  // the largest, infinity
                          {0xff800000, 0xff80}, {0x7fffffff, 0x8000}};                       // no number: anything
    for (const auto& one : cases) {
      CAPTURE(one.bits);
      const auto value = at::zeros({1}, at::TensorOptions(at::kFloat));
      const auto halves = room(1);
      bits_of(value)[0] = one.bits;
      split(value, halves);
      CHECK(*static_cast<const uint16_t*>(halves.weights.const_data_ptr()) == one.weight);
      value.zero_();
      join(halves, value);
      CHECK(bits_of(value)[0] == one.bits);
    }
  }

  TEST_CASE("as on a card: the same halves, and back") {
    const int64_t count = 100003;
    const auto values = at::empty({count}, at::TensorOptions(at::kFloat));
    for (int64_t i = 0; i < count; ++i) bits_of(values)[i] = static_cast<uint32_t>(i) * 0x9e3779b9u;
    const auto own = room(count), other = room(count);
    split(values, own);
    const ForcedReference forced;
    split(values, other);
    CHECK(other.weights.view(at::kShort).equal(own.weights.view(at::kShort)));
    CHECK(other.remainders.equal(own.remainders));
    const auto back = at::zeros_like(values);
    join(other, back);
    CHECK(back.view(at::kInt).equal(values.view(at::kInt)));
    const auto some = at::zeros({1000}, at::TensorOptions(at::kFloat));
    join(other.narrow(3, 1000), some);
    CHECK(some.view(at::kInt).equal(values.narrow(0, 3, 1000).view(at::kInt)));
  }

  TEST_CASE("AdamW gives numbers in two halves the bits it gives whole ones, also split up, also as on a card") {
    const int64_t count = 200000;
    const AdamW how{1e-4, 0.9, 0.98, 1e-8, 0.1};
    const auto compare = [&] {
      auto whole = random({count}), first = at::zeros({count}), second = at::zeros({count});
      auto one = first.clone(), two = second.clone();
      const auto halves = room(count);
      split(whole, halves);
      for (int64_t step = 1; step <= 3; ++step) {
        const auto gradient = random({count}, static_cast<uint64_t>(step) + 10);
        for (const auto& [begin, size] : {std::pair<int64_t, int64_t>{0, 4096}, {4096, count - 4096}}) {
          const auto part = [b = begin, s = size](const at::Tensor& flat) { return flat.narrow(0, b, s); };
          auto value = part(whole), first_part = part(first), second_part = part(second);
          adamw_(value, part(gradient), first_part, second_part, step, how);
          auto m = part(one), v = part(two);
          adamw_(halves.narrow(begin, size), part(gradient), m, v, step, how);
        }
      }
      const auto joined = at::empty({count}, at::TensorOptions(at::kFloat));
      join(halves, joined);
      CHECK(joined.equal(whole));
      CHECK(one.equal(first));
      CHECK(two.equal(second));
    };
    compare();
    const ForcedReference forced;
    compare();
  }
}
