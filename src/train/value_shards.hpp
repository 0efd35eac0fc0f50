// ZeRO level 3: of each unit's values every rank holds its shard, and all fetch a unit together for as long as it is
// read. Which units are fetched, and when, is the same on all ranks. Where values are whole nothing of this happens; with
// bf16 their lower halves are in shards from level 1 on, which no pass reads, but who writes f32 does.
#pragma once

#include <functional>
#include <vector>

#include "train/learners.hpp"
#include "train/rooms.hpp"

namespace llava::core {

class ValueShards {
 public:
  /// Borrows `learners`; others that are to compute with what is fetched come with share_with().
  ValueShards(const Ranks& ranks, Learners& learners);
  void share_with(Learners& beside) { computing_.push_back(&beside); }

  bool in_shards() const { return ranks_.values_in_shards(); }

  /// Of the units that learn these are held from now on, and no others.
  void hold(const std::vector<size_t>& units);

  /// The values of a learner, f32, in a tensor of its own where they lie in shards or are split; and what a pass computes
  /// with in their place, f32 or bf16 as Learners::values().
  at::Tensor value(const Learner& learner) const;
  at::Tensor stored(const Learner& learner) const;

  /// `work` on the first rank, which alone may call hold(), value() and stored() in it as it likes; the others serve until it ends.
  /// What it throws is thrown on all ranks (comm/agree).
  void lend(const std::function<void()>& work);

 private:
  struct Wish;
  void announce(Wish& wish) const;
  void ask(int64_t kind, const Learner& learner) const;
  at::Tensor fetch(size_t unit);
  void serve();
  void work_alone(const std::function<void()>& work);

  Ranks ranks_;
  Learners& learners_;
  std::vector<Learners*> computing_;
  Rooms rooms_;
  std::vector<at::Tensor> held_;  // by unit: its room
  bool lending_ = false;          // this rank is in work_alone()
};

}  // namespace llava::core
