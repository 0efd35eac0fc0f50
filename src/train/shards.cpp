// Where a stretch and a shard meet.
#include "train/shards.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "ops/split_master.hpp"

namespace llava::core {

void gather(const Ranks& ranks, const Unit& unit, const at::Tensor& shards, int64_t begin, at::Tensor& found) {
  const auto shard = unit.length / ranks.count(), mine = unit.begin / ranks.count();
  const auto first = begin - unit.begin, end = first + found.numel();  // in the unit
  for (int64_t owner = first / shard; owner * shard < end; ++owner) {
    const auto from = std::max(first, owner * shard), to = std::min(end, (owner + 1) * shard);
    auto piece = found.narrow(0, from - first, to - from);
    if (owner == ranks.rank()) piece.copy_(shards.narrow(0, mine + from - owner * shard, to - from));
    ranks.comm->broadcast(piece, owner);
  }
}

at::Tensor gathered(const Ranks& ranks, const Unit& unit, const at::Tensor& shards, int64_t begin, int64_t count) {
  auto found = at::empty({count}, shards.options());
  gather(ranks, unit, shards, begin, found);
  return found;
}

OwnPart own_part(const Ranks& ranks, const Unit& unit, int64_t begin, int64_t count) {
  const auto shard = unit.length / ranks.count(), mine = unit.begin + ranks.rank() * shard;
  const auto from = std::max(begin, mine), to = std::min(begin + count, mine + shard);
  if (from >= to) return {};
  return {from - begin, unit.begin / ranks.count() + from - mine, to - from};
}

void put_numbers(const Ranks& ranks, const Unit& unit, at::Tensor& buffer, bool in_shards, int64_t begin,
                 const at::Tensor& numbers) {
  if (!in_shards) {
    buffer.narrow(0, begin, numbers.numel()).copy_(numbers);
  } else if (const auto part = own_part(ranks, unit, begin, numbers.numel()); part.count > 0) {
    buffer.narrow(0, part.place, part.count).copy_(numbers.narrow(0, part.from, part.count));
  }
}

at::Tensor master_values(const Learners& learners, int64_t begin, int64_t count, const std::function<void()>& ready) {
  const auto& ranks = learners.ranks();
  const bool halved = learners.precision() != Precision::f32;
  const auto room = [&](const at::Tensor& flat, bool in_shards) {
    return in_shards ? at::empty({count}, flat.options()) : flat.narrow(0, begin, count);
  };
  const auto fill = [&](const at::Tensor& flat, bool in_shards, at::Tensor& found) {
    if (in_shards) gather(ranks, learners.unit_at(begin), flat, begin, found);
  };
  auto values = room(learners.values(), ranks.values_in_shards()), whole = values, remainders = at::Tensor();
  if (halved) {
    remainders = room(learners.remainders(), ranks.moments_in_shards());
    whole = at::empty({count}, learners.place().floats());
  }
  if (ready) ready();
  fill(learners.values(), ranks.values_in_shards(), values);
  if (halved) {
    fill(learners.remainders(), ranks.moments_in_shards(), remainders);
    join({values, remainders}, whole);
  }
  return whole;
}

}  // namespace llava::core
