// Loops on the CPU, four operations of ATen elsewhere.
#include "ops/split_master.hpp"

#include <ATen/ops/add.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/sub.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "ops/check.hpp"
#include "ops/cpu/parallel.hpp"
#include "ops/gradient_reference.hpp"

namespace llava::core {
namespace {

static_assert(std::endian::native == std::endian::little, "the lower half of a number lies first");

constexpr int64_t kBlock = 1 << 16;  // numbers

void check(const SplitMaster& halves, const at::Tensor& values) {
  require(halves.weights.scalar_type() == at::kBFloat16 && halves.remainders.scalar_type() == at::kShort &&
              values.scalar_type() == at::kFloat && halves.remainders.numel() == halves.count() &&
              values.numel() == halves.count() && halves.weights.is_contiguous() && halves.remainders.is_contiguous() &&
              values.is_contiguous(),
          "split master: bf16, int16 and f32 of one length", halves.weights, halves.remainders, values);
}

template <typename Work>
void in_blocks(int64_t count, Work&& work) {
  cpu::parallel_for((count + kBlock - 1) / kBlock, 1,
                    [&](int64_t first, int64_t last) { work(first * kBlock, std::min(count, last * kBlock)); });
}

/// Both halves of each number, the lower first.
struct Pairs {
  at::Tensor low, high;
  explicit Pairs(const at::Tensor& values) {
    const auto pairs = values.view(at::kShort).view({-1, 2});
    low = pairs.select(1, 0), high = pairs.select(1, 1);
  }
};

// -1 where it was rounded up: the sign of the remainder, shifted in from the left.
at::Tensor minus_carry(const at::Tensor& remainders) { return at::bitwise_right_shift(remainders, 15); }

}  // namespace

void split_reference(const at::Tensor& values, const SplitMaster& halves) {
  const Pairs pairs(values);
  at::Tensor remainders = halves.remainders, weights = halves.weights.view(at::kShort);
  remainders.copy_(pairs.low);
  at::sub_out(weights, pairs.high, minus_carry(remainders));
}

void join_reference(const SplitMaster& halves, at::Tensor& values) {
  Pairs pairs(values);
  pairs.low.copy_(halves.remainders);
  at::add_out(pairs.high, halves.weights.view(at::kShort), minus_carry(halves.remainders));
}

void split(const at::Tensor& values, const SplitMaster& halves) {
  check(halves, values);
  if (takes_reference(values)) return split_reference(values, halves);
  const auto* const from = static_cast<const uint32_t*>(values.const_data_ptr());
  auto* const weights = static_cast<uint16_t*>(halves.weights.mutable_data_ptr());
  auto* const remainders = static_cast<uint16_t*>(halves.remainders.mutable_data_ptr());
  in_blocks(values.numel(), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t bits = from[i];
      weights[i] = static_cast<uint16_t>((bits + 0x8000u) >> 16);
      remainders[i] = static_cast<uint16_t>(bits);
    }
  });
}

void join(const SplitMaster& halves, at::Tensor values) {
  check(halves, values);
  if (takes_reference(values)) return join_reference(halves, values);
  const auto* const weights = static_cast<const uint16_t*>(halves.weights.const_data_ptr());
  const auto* const remainders = static_cast<const uint16_t*>(halves.remainders.const_data_ptr());
  auto* const to = static_cast<uint32_t*>(values.mutable_data_ptr());
  in_blocks(values.numel(), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t low = remainders[i], high = weights[i] - (low >> 15);  // its upper half falls out to the left
      to[i] = high << 16 | low;
    }
  });
}

}  // namespace llava::core
