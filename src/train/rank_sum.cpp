// One all-to-all a round, or one reduce-scatter a step.
#include "train/rank_sum.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "ops/gradients.hpp"
#include "train/learners.hpp"

namespace llava::core {

int64_t RankSum::multiple(const Ranks& ranks) {
  return ranks.count() == 1 ? Learners::kAlignment : ranks.count() * kNormBlock;
}

void RankSum::clear() {
  sum_.clear();
  any_ = false;
}

void RankSum::add_round(const at::Tensor& gradient, const std::vector<bool>& counts) {
  if (ranks_.count() == 1) {
    if (counts[0]) sum_.push(gradient);
    return;
  }
  if (!ranks_.deterministic) {
    if (!counts[static_cast<size_t>(ranks_.rank())]) return;
    if (!local_.defined()) local_ = at::empty_like(gradient);
    any_ ? local_.add_(gradient) : local_.copy_(gradient);
    any_ = true;
    return;
  }
  if (!received_.defined()) received_ = at::empty_like(gradient);
  ranks_.comm->all_to_all(received_, gradient);
  const auto shard = gradient.numel() / ranks_.count();
  for (size_t r = 0; r < counts.size(); ++r)
    if (counts[r]) sum_.push(received_.narrow(0, static_cast<int64_t>(r) * shard, shard));
}

at::Tensor RankSum::take(const at::Tensor& like) {
  if (ranks_.count() == 1 || ranks_.deterministic) return sum_.take();
  if (!local_.defined()) local_ = at::empty_like(like);
  if (!any_) local_.zero_();
  auto shard = at::empty({like.numel() / ranks_.count()}, like.options());
  ranks_.comm->reduce_scatter(shard, local_);
  return shard;
}

}  // namespace llava::core
