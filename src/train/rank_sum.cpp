// One all-to-all a unit and round; in fast mode one reduce-scatter a unit, or one a unit and round where gradients are let go.
#include "train/rank_sum.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

namespace llava::core {

RankSum::RankSum(const Ranks& ranks, Learners& learners, SumOrder order)
    : ranks_(ranks),
      order_(order),
      longest_(learners.longest_unit()),
      whole_(learners.length()),
      options_(learners.place().floats()) {
  for (const auto& unit : learners.units()) {
    auto& sum = sums_.emplace_back();
    sum.sum = GradientSum(order_);
    sum.begin = unit.begin, sum.length = unit.length;
  }
  if (ranks.count() > 1 && by_leaf()) received_ = at::empty({longest_}, options_);
}

void RankSum::clear() {
  for (auto& sum : sums_) {
    sum.sum = GradientSum(order_);
    sum.rooms = 0;
    sum.any = false;
  }
}

// Sums are made leaf by leaf, and not over the ranks at the end.
bool RankSum::by_leaf() const { return ranks_.count() == 1 || ranks_.deterministic || ranks_.gradients_in_shards(); }

void RankSum::add_local(Sum& sum, const at::Tensor& gradient, bool mine) {
  if (!sum.local.defined()) sum.local = at::zeros_like(gradient);
  if (!mine) return;
  sum.any ? sum.local.add_(gradient) : sum.local.copy_(gradient);
  sum.any = true;
}

// Buffers that stay are not made among a pass's activations, which come and go: with 93 million parameters on two ranks the
// holes left between them took a tenth more memory after six steps.
void RankSum::push(Sum& sum, const at::Tensor& gradient) {
  if (sum.sum.wants_buffer()) {
    if (sum.rooms == rooms_.size()) rooms_.push_back(at::empty({whole_ / ranks_.count()}, options_));
    sum.sum.give(rooms_[sum.rooms++].narrow(0, sum.begin / ranks_.count(), sum.length / ranks_.count()));
  }
  sum.sum.push(gradient);
}

void RankSum::add(size_t unit, const at::Tensor& gradient, const std::vector<bool>& counts) {
  auto& sum = sums_[unit];
  if (sum.length == 0) return;
  if (ranks_.count() == 1) {
    if (counts[0]) push(sum, gradient);
    return;
  }
  if (!by_leaf()) return add_local(sum, gradient, counts[static_cast<size_t>(ranks_.rank())]);
  const auto shard = sum.length / ranks_.count();
  if (!ranks_.deterministic) {
    const auto received = received_.narrow(0, 0, shard);
    ranks_.comm->reduce_scatter(received, gradient);
    return push(sum, received);
  }
  const auto received = received_.narrow(0, 0, sum.length);
  ranks_.comm->all_to_all(received, gradient);
  for (size_t r = 0; r < counts.size(); ++r)
    if (counts[r]) push(sum, received.narrow(0, static_cast<int64_t>(r) * shard, shard));
}

at::Tensor RankSum::take(size_t unit) {
  auto& sum = sums_[unit];
  if (sum.length == 0) return {};
  if (by_leaf()) return sum.sum.take();
  if (!sum.any) sum.local.zero_();
  auto shard = at::empty({sum.length / ranks_.count()}, sum.local.options());
  ranks_.comm->reduce_scatter(shard, sum.local);
  return shard;
}

}  // namespace llava::core
