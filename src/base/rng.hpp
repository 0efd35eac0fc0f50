// Random numbers of a call's own: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). Counter-based, so the whole state is a seed and a position and can be copied, saved and resumed.
#pragma once

#include <array>
#include <cstdint>

namespace llava::core {

/// One block of four words from a counter and a key: ten rounds.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) noexcept;

class Rng {
 public:
  /// Streams of one seed do not overlap: `stream` is the upper half of the counter.
  explicit Rng(uint64_t seed = 0, uint64_t stream = 0) noexcept : seed_(seed), stream_(stream) {}

  uint32_t next_u32() noexcept;

  /// Uniform in [0, 1) on a grid of 2^-53.
  double next_uniform() noexcept;

  /// Uniform in 0..bound-1 without bias (Lemire 2019); 0 for bound 0 and 1.
  uint32_t next_below(uint32_t bound) noexcept;

  uint64_t seed() const noexcept { return seed_; }
  uint64_t stream() const noexcept { return stream_; }

  /// Words handed out so far; a generator of the same seed and stream set to this position goes on alike.
  uint64_t position() const noexcept { return position_; }
  void set_position(uint64_t position) noexcept;

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t position_ = 0;
  std::array<uint32_t, 4> block_{};  // of position_ / 4, valid when position_ % 4 != 0
};

}  // namespace llava::core
