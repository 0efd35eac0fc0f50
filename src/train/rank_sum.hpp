// The sum of a step's gradients over all ranks, unit by unit. A unit is cut into as many shards as there are ranks; who
// owns a shard receives that piece of every leaf's gradient, in the order of the leaves, and adds them up as GradientSum
// does. So the sum has the same bits on any number of ranks, whenever the pieces change hands.
#pragma once

#include <cstdint>
#include <vector>

#include "train/gradient_sum.hpp"
#include "train/learners.hpp"

namespace llava::core {

class RankSum {
 public:
  /// Of what `learners` has after finish().
  RankSum(const Ranks& ranks, Learners& learners, SumOrder order = SumOrder::tree);

  /// Forgets the step so far, and needs what take() gave again.
  void clear();

  /// One unit of one round: leaf r of it is rank r's. `gradient` [length] is this rank's leaf's, or anything where it has
  /// none (zeros in fast mode); `counts` says which leaves are part of the sum. All ranks call this in the same order with
  /// the same `counts`.
  void add(size_t unit, const at::Tensor& gradient, const std::vector<bool>& counts);

  /// This rank's shard of the unit's sum over all rounds since clear(); the whole sum when it is alone. Undefined for a
  /// unit that does not learn. Good until clear().
  at::Tensor take(size_t unit);

 private:
  struct Sum {
    int64_t begin = 0, length = 0;  // of the unit
    GradientSum sum;
    size_t rooms = 0;  // that it has of `rooms_`
    at::Tensor local;  // fast mode with whole gradients: the sum of this rank's leaves
    bool any = false;  // of them
  };
  bool by_leaf() const;
  static void add_local(Sum& sum, const at::Tensor& gradient, bool mine);
  void push(Sum& sum, const at::Tensor& gradient);

  Ranks ranks_;
  SumOrder order_;
  std::vector<Sum> sums_;  // of the units
  int64_t longest_, whole_;
  at::TensorOptions options_;
  std::vector<at::Tensor> rooms_;  // of the sums: each is one of every unit
  at::Tensor received_;            // one piece of each rank's leaf
};

}  // namespace llava::core
