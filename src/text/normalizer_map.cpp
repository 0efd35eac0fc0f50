// The walk. In a double array a state is a base p, and its child under byte c is unit p ^ c, if that unit's label is c.
// States are visited once, depth first, with a stack of our own and 256 looks each.
#include "text/normalizer_map.hpp"

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

constexpr int kMatchesOnAPath = 32;        // Normalizer::kMaxTrieResultsSize
constexpr size_t kReplacementBytes = 256;  // NFKC's longest has 33; a long one would make a short text fill the memory
constexpr uint32_t kUnitsInABlock = 256;

uint32_t label(uint32_t unit) { return unit & (1u << 31 | 0xFF); }
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t step(uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }
uint32_t value(uint32_t unit) { return unit & 0x7FFFFFFF; }

uint32_t little_endian(std::string_view bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return number;
}

struct Visit {
  uint32_t base;
  uint32_t next_byte;  // 0..255: the child to look at next
  int matches;         // values met on the way here, this state's included
};

class TrieWalk {
 public:
  TrieWalk(std::vector<uint32_t> units, std::string_view area, const std::string& where)
      : units_(std::move(units)), area_(area), where_(where), longest_(units_.size(), kUnseen) {}

  void run() {
    // longest_[p] is the largest number of values below state p once it is finished. Every path through p has the
    // values above it plus these, so both are bounded together.
    enter(units_[0], 0, 0);
    while (!stack_.empty()) {
      Visit& top = stack_.back();
      if (top.next_byte == kUnitsInABlock) {
        leave();
        continue;
      }
      const uint32_t byte = top.next_byte++;
      const uint32_t child = top.base ^ byte;
      if (label(units_[child]) == byte) enter(units_[child], child, top.matches);
    }
  }

 private:
  static constexpr int kUnseen = -1;
  static constexpr int kOpen = -2;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Status::format, cat(where_, ": normaliser map: ", what));
  }

  void enter(uint32_t unit, uint32_t index, int matches) {
    const uint32_t base = index ^ step(unit);
    if ((base | (kUnitsInABlock - 1)) >= units_.size())
      fail(cat("unit ", index, " leads to ", base, ", there are ", units_.size(), " units"));
    const int own = has_leaf(unit) ? 1 : 0;
    if (own) check_value(value(units_[base]), index);
    if (longest_[base] == kOpen) fail(cat("unit ", index, " leads back to where the path came from"));
    const int below = longest_[base] == kUnseen ? 0 : longest_[base];
    if (matches + own + below > kMatchesOnAPath)
      fail(cat("more than ", kMatchesOnAPath, " entries are prefixes of one another"));
    if (longest_[base] != kUnseen) {
      note(own + below);
      return;
    }
    longest_[base] = kOpen;
    best_.push_back(0);
    own_.push_back(own);
    stack_.push_back({base, 0, matches + own});
  }

  void leave() {
    longest_[stack_.back().base] = best_.back();
    const int through = best_.back() + own_.back();
    stack_.pop_back();
    best_.pop_back();
    own_.pop_back();
    note(through);
  }

  void note(int through) {
    if (!best_.empty() && through > best_.back()) best_.back() = through;
  }

  void check_value(uint32_t at, uint32_t index) const {
    if (at >= area_.size()) fail(cat("unit ", index, " names text at ", at, ", there are ", area_.size(), " bytes"));
    const size_t length = area_.find('\0', at) - at;
    if (length > kReplacementBytes) fail(cat("a replacement of ", length, " bytes, at most ", kReplacementBytes));
  }

  std::vector<uint32_t> units_;
  std::string_view area_;
  const std::string& where_;
  std::vector<int> longest_;
  std::vector<Visit> stack_;
  std::vector<int> best_;  // per open state: most values on a path below it, so far
  std::vector<int> own_;   // per open state: whether the unit that leads to it holds a value
};

}  // namespace

void check_normalizer_map(std::string_view map, const std::string& where) {
  if (map.empty()) return;
  const auto fail = [&](const std::string& what) {
    throw Error(Status::format, cat(where, ": normaliser map: ", what));
  };
  if (map.size() > static_cast<size_t>(limits::kNormalizerMapBytes))
    throw Error(Status::limit,
                cat(where, ": normaliser map of ", map.size(), " bytes, at most ", limits::kNormalizerMapBytes));
  if (map.size() <= 4) fail(cat(map.size(), " bytes, too short for a trie size"));
  const uint64_t trie_bytes = little_endian(map, 0);
  if (4 + trie_bytes >= map.size()) fail(cat("says ", trie_bytes, " bytes of trie, the map has ", map.size() - 4));
  if (trie_bytes == 0 || trie_bytes % 1024 != 0) fail(cat(trie_bytes, " bytes of trie, expected a multiple of 1024"));
  if (map.back() != '\0') fail("the string area does not end in NUL");
  std::vector<uint32_t> units(trie_bytes / 4);
  for (size_t i = 0; i < units.size(); ++i) units[i] = little_endian(map, 4 + 4 * i);
  TrieWalk(std::move(units), map.substr(4 + trie_bytes), where).run();
}

}  // namespace llava::core
