// Philox4x32-10 and what is drawn from it.
#include "base/rng.hpp"

namespace llava::core {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) noexcept {
  // multipliers and key steps of the paper, table 2 and section 4.3
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kStep0 = 0x9E3779B9, kStep1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0], product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key = {key[0] + kStep0, key[1] + kStep1};
  }
  return counter;
}

uint32_t Rng::next_u32() noexcept {
  if (position_ % 4 == 0) {
    const uint64_t index = position_ / 4;
    block_ = philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                         static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                        {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
  }
  return block_[position_++ % 4];
}

void Rng::set_position(uint64_t position) noexcept {
  position_ = position - position % 4;
  while (position_ < position) next_u32();
}

double Rng::next_uniform() noexcept {
  const uint64_t high = next_u32(), low = next_u32();
  return static_cast<double>(((high << 32) | low) >> 11) * 0x1p-53;
}

uint32_t Rng::next_below(uint32_t bound) noexcept {
  if (bound < 2) return 0;
  const uint32_t biased = (0u - bound) % bound;  // 2^32 mod bound: products whose low half is smaller are drawn again
  uint64_t product = uint64_t{next_u32()} * bound;
  while (static_cast<uint32_t>(product) < biased) product = uint64_t{next_u32()} * bound;
  return static_cast<uint32_t>(product >> 32);
}

}  // namespace llava::core
