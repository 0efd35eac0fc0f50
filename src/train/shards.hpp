// Flat buffers of which a rank has its shard of each unit (train/ranks), one after the other: fetched from all ranks, and
// put where they belong.
#pragma once

#include <functional>

#include "train/learners.hpp"

namespace llava::core {

/// `count` numbers from `begin` on of a flat buffer, all in `unit`; `shards` is this rank's part of that buffer. All ranks
/// call this together, and all have the numbers.
at::Tensor gathered(const Ranks& ranks, const Unit& unit, const at::Tensor& shards, int64_t begin, int64_t count);

/// The same in `found`, as many numbers as it has room for.
void gather(const Ranks& ranks, const Unit& unit, const at::Tensor& shards, int64_t begin, at::Tensor& found);

/// A stretch of a unit, as far as it lies in this rank's shard.
struct OwnPart {
  int64_t from;   // the first of its numbers that do
  int64_t place;  // where that lies in the rank's part of a buffer
  int64_t count;  // 0: none
};
OwnPart own_part(const Ranks& ranks, const Unit& unit, int64_t begin, int64_t count);

/// What of `numbers`, which stand from `begin` on in `unit`, belongs to this rank, put into its part of the buffer, or all of
/// them into a whole buffer.
void put_numbers(const Ranks& ranks, const Unit& unit, at::Tensor& buffer, bool in_shards, int64_t begin,
                 const at::Tensor& numbers);

/// The values f32 of `count` places from `begin` on, all in one unit: a view where they are whole and not split (ops/split_master).
/// All ranks call this together where anything of them lies in shards (Learners::masters_in_shards). `ready` is called when
/// there is memory for them, before anything is sent.
at::Tensor master_values(const Learners& learners, int64_t begin, int64_t count,
                         const std::function<void()>& ready = {});

}  // namespace llava::core
