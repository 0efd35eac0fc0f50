// The sum of a step's gradients over all ranks. The flat buffer is cut into as many shards as there are ranks; who owns
// a shard receives that piece of every leaf's gradient, in the order of the leaves, and adds them up as GradientSum does.
// So the sum has the same bits on any number of ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/comm.hpp"
#include "train/gradient_sum.hpp"

namespace llava::core {

/// Where a step is computed; changes no bit of its result, but for `deterministic`.
struct Ranks {
  Comm* comm = nullptr;       // borrowed; null = alone
  int64_t zero = 0;           // ZeRO level: 0 = every rank has everything, 1 = the moments lie in shards
  bool deterministic = true;  // false: one exchange a step, and a sum whose order depends on the number of ranks
  int64_t count() const { return comm ? comm->size() : 1; }
  int64_t rank() const { return comm ? comm->rank() : 0; }
};

class RankSum {
 public:
  explicit RankSum(const Ranks& ranks) : ranks_(ranks) {}

  /// What flat buffers have to be a multiple of, so that shards are equal and no block of the norm lies in two.
  static int64_t multiple(const Ranks& ranks);

  /// Forgets the step so far.
  void clear();

  /// One round: leaf r of it is rank r's. `gradient` is the whole buffer of this rank's leaf, or of anything where it has
  /// none; `counts` says which leaves are part of the sum. All ranks call this with the same `counts`.
  void add_round(const at::Tensor& gradient, const std::vector<bool>& counts);

  /// This rank's shard of the sum of all rounds since clear(); the whole sum when it is alone.
  at::Tensor take(const at::Tensor& like);

  /// A buffer from take() that is no longer needed.
  void give_back(at::Tensor buffer) { sum_.give_back(std::move(buffer)); }

 private:
  Ranks ranks_;
  GradientSum sum_;
  at::Tensor received_;  // one piece of each rank's leaf
  at::Tensor local_;     // fast mode: the sum of this rank's leaves
  bool any_ = false;
};

}  // namespace llava::core
