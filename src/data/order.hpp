// In which order the samples of a data file are seen: a pure function of the settings and the epoch. No rank, thread or
// resume can change it; micro-batch i of a step is samples [i N, (i + 1) N) of it whatever computes them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace llava::core {

enum class OrderKind {
  sequential,  // as in the file
  shuffled,    // by a Philox hash of (seed, epoch, index)
  grouped,     // a batch holds pictures or texts alone, its micro-batches about equally many tokens
  upstream     // the original's group_by_modality_length sampler
};

/// "sequential", "shuffled", "grouped", "upstream"; Error(argument) for another name.
OrderKind order_named(std::string_view name);

struct OrderSettings {
  OrderKind kind = OrderKind::shuffled;
  uint64_t seed = 42;
  int64_t count = 0;        // samples
  int64_t batch = 1;        // of a step, over all ranks
  int64_t micro_batch = 1;  // divides batch

  /// A length for each sample, negative for those without pictures. For grouped the positions of the sample; for upstream
  /// word_length() of the record. Empty for the others.
  std::vector<int64_t> lengths;
};

/// The indices of one epoch, each of 0 … count-1 once.
///
/// grouped: samples shuffled, those with pictures and those without cut into batches apart; each batch sorted by length,
/// longest first, and dealt to its micro-batches, each to the one with the fewest tokens that is not full; batches
/// shuffled; the two rests at the end, pictures first, so that one batch at most is mixed.
///
/// upstream: the same idea as the original writes it, with its dependence on the number of ranks as published: W = batch
/// / micro_batch chunks of micro_batch. Random numbers are torch's for torch.manual_seed(seed + epoch); the original
/// draws them from whatever state the process was in.
/// Source: LLaVA c121f04, llava/train/llava_trainer.py, get_modality_length_grouped_indices.
///
/// Throws Error(argument): sizes below 1, micro_batch that does not divide batch, lengths of another number or 0.
std::vector<int64_t> epoch_order(const OrderSettings& settings, int64_t epoch);

/// Deals `indices` (longest first) to `chunks` of equal size, each to the chunk with the smallest sum that is not full,
/// the first of equals; every `chunks`-th to one where they do not divide.
std::vector<std::vector<int64_t>> deal_evenly(const std::vector<int64_t>& indices, const std::vector<int64_t>& lengths,
                                              int64_t chunks);

/// The original's sampler alone.
std::vector<int64_t> upstream_order(const std::vector<int64_t>& lengths, int64_t chunk, int64_t chunks, uint64_t seed);

/// torch.randperm(n) of the CPU generator after torch.manual_seed(seed), as often as wanted. n < 2^32 / 20, where torch
/// turns to another method.
class TorchRandom {
 public:
  explicit TorchRandom(uint64_t seed);
  std::vector<int64_t> permutation(int64_t n);

 private:
  uint32_t next();
  std::vector<uint32_t> state_;
  size_t at_;
};

}  // namespace llava::core
