// The original's sampler, and torch's permutation, from which it draws.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "data/order.hpp"

namespace llava::core {
namespace {

using Indices = std::vector<int64_t>;

// The Mersenne Twister (Matsumoto, Nishimura 1998), MT19937
constexpr size_t kWords = 624, kOther = 397;

Indices length_grouped(const Indices& lengths, int64_t chunk, int64_t chunks, TorchRandom& random) {
  const auto count = static_cast<int64_t>(lengths.size());
  const auto shuffled = random.permutation(count);
  Indices order;
  for (int64_t begin = 0; begin < count; begin += chunk * chunks) {
    Indices batch(shuffled.begin() + begin, shuffled.begin() + std::min(count, begin + chunk * chunks));
    std::stable_sort(batch.begin(), batch.end(), [&](int64_t a, int64_t b) {
      return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)];
    });
    for (const auto& part : deal_evenly(batch, lengths, chunks)) order.insert(order.end(), part.begin(), part.end());
  }
  return order;
}

/// One modality, cut into mega-batches of `size` indices of the whole set.
std::vector<Indices> mega_batches(const Indices& members, const Indices& lengths, int64_t chunk, int64_t chunks,
                                  TorchRandom& random) {
  std::vector<Indices> batches;
  const auto order = length_grouped(lengths, chunk, chunks, random);
  for (size_t i = 0; i < order.size(); ++i) {
    if (static_cast<int64_t>(i) % (chunk * chunks) == 0) batches.emplace_back();
    batches.back().push_back(members[static_cast<size_t>(order[i])]);
  }
  return batches;
}

}  // namespace

TorchRandom::TorchRandom(uint64_t seed) : state_(kWords), at_(kWords) {
  state_[0] = static_cast<uint32_t>(seed);  // torch keeps the lower half too
  for (size_t i = 1; i < kWords; ++i)
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + static_cast<uint32_t>(i);
}

uint32_t TorchRandom::next() {
  if (at_ == kWords) {
    for (size_t i = 0; i < kWords; ++i) {
      const uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % kWords] & 0x7FFFFFFFu);
      state_[i] = state_[(i + kOther) % kWords] ^ (y >> 1) ^ (y & 1 ? 0x9908B0DFu : 0);
    }
    at_ = 0;
  }
  uint32_t y = state_[at_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9D2C5680u;
  y ^= (y << 15) & 0xEFC60000u;
  return y ^ (y >> 18);
}

/// Source: PyTorch 2.11, aten/src/ATen/native/TensorFactories.cpp, randperm_cpu.
std::vector<int64_t> TorchRandom::permutation(int64_t n) {
  if (n < 0 || n >= int64_t{0xFFFFFFFF} / 20)
    throw Error(Status::limit, cat("the order \"upstream\" of ", n, " samples, fewer than 214748364 expected"));
  Indices items(static_cast<size_t>(n));
  std::iota(items.begin(), items.end(), int64_t{0});
  for (int64_t i = 0; i + 1 < n; ++i)
    std::swap(items[static_cast<size_t>(i)], items[static_cast<size_t>(i + static_cast<int64_t>(next()) % (n - i))]);
  return items;
}

std::vector<int64_t> upstream_order(const std::vector<int64_t>& lengths, int64_t chunk, int64_t chunks, uint64_t seed) {
  TorchRandom random(seed);
  Indices members[2], sizes[2];  // with pictures, without
  for (size_t i = 0; i < lengths.size(); ++i) {
    const int which = lengths[i] > 0 ? 0 : 1;
    members[which].push_back(static_cast<int64_t>(i));
    sizes[which].push_back(std::abs(lengths[i]));
  }
  if (members[0].empty() || members[1].empty()) return length_grouped(lengths, chunk, chunks, random);
  auto batches = mega_batches(members[0], sizes[0], chunk, chunks, random);
  auto texts = mega_batches(members[1], sizes[1], chunk, chunks, random);
  Indices rest = std::move(batches.back());
  rest.insert(rest.end(), texts.back().begin(), texts.back().end());
  std::sort(rest.begin(), rest.end());
  batches.pop_back();
  batches.insert(batches.end(), texts.begin(), texts.end() - 1);
  Indices order;
  for (const int64_t place : random.permutation(static_cast<int64_t>(batches.size()))) {
    const auto& batch = batches[static_cast<size_t>(place)];
    order.insert(order.end(), batch.begin(), batch.end());
  }
  order.insert(order.end(), rest.begin(), rest.end());
  return order;
}

}  // namespace llava::core
