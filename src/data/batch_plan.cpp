#include "data/batch_plan.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "data/python_text.hpp"

namespace llava::core {

std::vector<std::vector<int64_t>> pack_samples(const std::vector<int64_t>& lengths, int64_t capacity) {
  std::vector<int64_t> longest_first(lengths.size());
  std::iota(longest_first.begin(), longest_first.end(), int64_t{0});
  std::stable_sort(longest_first.begin(), longest_first.end(), [&](int64_t a, int64_t b) {
    return lengths[static_cast<size_t>(a)] > lengths[static_cast<size_t>(b)];
  });
  std::vector<std::vector<int64_t>> packs;
  std::multimap<int64_t, size_t> room;  // what is left, of which pack; equal ones in the order they came to it
  for (const int64_t sample : longest_first) {
    const int64_t length = lengths[static_cast<size_t>(sample)];
    if (length < 1 || length > capacity)
      throw Error(Status::argument,
                  cat("sample ", sample + 1, " has ", length, " positions, a pack holds 1 to ", capacity));
    const auto fullest = room.lower_bound(length);
    const size_t pack = fullest == room.end() ? packs.size() : fullest->second;
    const int64_t left = (fullest == room.end() ? capacity : fullest->first) - length;
    if (fullest == room.end()) {
      packs.emplace_back();
    } else {
      room.erase(fullest);
    }
    packs[pack].push_back(sample);
    room.emplace(left, pack);
  }
  for (auto& pack : packs) std::sort(pack.begin(), pack.end());
  return packs;
}

int64_t word_length(const Record& record) {
  int64_t words = python::count_words(record.system);
  for (const RecordTurn& turn : record.turns) words += python::count_words(turn.text);
  return record.images.empty() ? -words : words;
}

}  // namespace llava::core
