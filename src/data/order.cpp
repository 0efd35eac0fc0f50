// Sort keys come from a counter-based generator, so a sample's key depends on nothing but seed, epoch and index.
#include "data/order.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

enum : uint32_t { kSamples = 1, kBatches = 2 };  // what is shuffled

uint64_t key_of(const OrderSettings& settings, int64_t epoch, uint32_t what, int64_t index) {
  const auto word = [](uint64_t number, int half) { return static_cast<uint32_t>(number >> (32 * half)); };
  const auto block = philox4x32({word(static_cast<uint64_t>(index), 0), word(static_cast<uint64_t>(index), 1),
                                 static_cast<uint32_t>(epoch), what},
                                {word(settings.seed, 0), word(settings.seed, 1)});
  return static_cast<uint64_t>(block[1]) << 32 | block[0];
}

/// `items` by their keys, equal ones by index.
void shuffle(std::vector<int64_t>& items, const OrderSettings& settings, int64_t epoch, uint32_t what) {
  std::vector<std::pair<uint64_t, int64_t>> keyed;
  keyed.reserve(items.size());
  for (const int64_t item : items) keyed.emplace_back(key_of(settings, epoch, what, item), item);
  std::sort(keyed.begin(), keyed.end());
  std::transform(keyed.begin(), keyed.end(), items.begin(), [](const auto& pair) { return pair.second; });
}

std::vector<int64_t> first_numbers(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

void check(const OrderSettings& settings, int64_t epoch) {
  if (settings.count < 1 || settings.batch < 1 || settings.micro_batch < 1 || epoch < 0)
    throw Error(Status::argument,
                cat(settings.count, " samples, batch ", settings.batch, ", micro-batch ", settings.micro_batch,
                    ", epoch ", epoch, ", expected at least 1 of each and an epoch from 0"));
  if (settings.batch % settings.micro_batch != 0)
    throw Error(Status::argument,
                cat("a batch of ", settings.batch, " is no multiple of the micro-batch ", settings.micro_batch));
  if (settings.kind != OrderKind::grouped && settings.kind != OrderKind::upstream) return;
  if (static_cast<int64_t>(settings.lengths.size()) != settings.count)
    throw Error(Status::argument, cat(settings.lengths.size(), " lengths for ", settings.count, " samples"));
  const auto zero = std::find(settings.lengths.begin(), settings.lengths.end(), 0);
  if (zero != settings.lengths.end())
    throw Error(Status::argument,
                cat("sample ", zero - settings.lengths.begin() + 1, " has length 0; grouping needs lengths"));
}

std::vector<int64_t> grouped(const OrderSettings& settings, int64_t epoch) {
  auto samples = first_numbers(settings.count);
  shuffle(samples, settings, epoch, kSamples);
  std::vector<int64_t> sizes(settings.lengths.size());
  std::transform(settings.lengths.begin(), settings.lengths.end(), sizes.begin(),
                 [](int64_t length) { return length < 0 ? -length : length; });
  const auto longest_first = [&](int64_t a, int64_t b) { return sizes[size_t(a)] > sizes[size_t(b)]; };
  std::vector<std::vector<int64_t>> batches, rests;
  for (const bool pictures : {true, false}) {
    std::vector<int64_t> batch;
    for (const int64_t sample : samples) {
      if ((settings.lengths[static_cast<size_t>(sample)] > 0) != pictures) continue;
      batch.push_back(sample);
      if (static_cast<int64_t>(batch.size()) < settings.batch) continue;
      std::stable_sort(batch.begin(), batch.end(), longest_first);
      batches.emplace_back();
      for (const auto& chunk : deal_evenly(batch, sizes, settings.batch / settings.micro_batch))
        batches.back().insert(batches.back().end(), chunk.begin(), chunk.end());
      batch.clear();
    }
    rests.push_back(std::move(batch));
  }
  auto places = first_numbers(static_cast<int64_t>(batches.size()));
  shuffle(places, settings, epoch, kBatches);
  std::vector<int64_t> order;
  order.reserve(samples.size());
  for (const int64_t place : places) {
    const auto& batch = batches[static_cast<size_t>(place)];
    order.insert(order.end(), batch.begin(), batch.end());
  }
  for (const auto& rest : rests) order.insert(order.end(), rest.begin(), rest.end());
  return order;
}

}  // namespace

OrderKind order_named(std::string_view name) {
  constexpr std::string_view kNames[] = {"sequential", "shuffled", "grouped", "upstream"};
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames))
    throw Error(Status::argument,
                cat("no order \"", printable(name), "\"; there are sequential, shuffled, grouped, upstream"));
  return static_cast<OrderKind>(found - std::begin(kNames));
}

std::vector<std::vector<int64_t>> deal_evenly(const std::vector<int64_t>& indices, const std::vector<int64_t>& lengths,
                                              int64_t chunks) {
  std::vector<std::vector<int64_t>> dealt(static_cast<size_t>(chunks));
  if (indices.size() % dealt.size() != 0) {
    for (size_t i = 0; i < indices.size(); ++i) dealt[i % dealt.size()].push_back(indices[i]);
    return dealt;
  }
  const size_t full = indices.size() / dealt.size();
  std::vector<int64_t> sums(dealt.size(), 0);
  for (const int64_t index : indices) {
    const auto lightest = static_cast<size_t>(std::min_element(sums.begin(), sums.end()) - sums.begin());
    dealt[lightest].push_back(index);
    sums[lightest] = dealt[lightest].size() == full ? std::numeric_limits<int64_t>::max()
                                                    : sums[lightest] + lengths[static_cast<size_t>(index)];
  }
  return dealt;
}

std::vector<int64_t> epoch_order(const OrderSettings& settings, int64_t epoch) {
  check(settings, epoch);
  switch (settings.kind) {
    case OrderKind::grouped:
      return grouped(settings, epoch);
    case OrderKind::upstream:
      return upstream_order(settings.lengths, settings.micro_batch, settings.batch / settings.micro_batch,
                            settings.seed + static_cast<uint64_t>(epoch));
    default:
      break;
  }
  auto order = first_numbers(settings.count);
  if (settings.kind == OrderKind::shuffled) shuffle(order, settings, epoch, kSamples);
  return order;
}

}  // namespace llava::core
