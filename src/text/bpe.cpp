// Short words, nearly all of them, are merged in place by looking for the lowest rank; long ones through a queue. Words
// of LLaMA-like tokenizers are whole texts; where no merge can reach over "x▁", they are cut there, which changes
// nothing but the time.
#include "text/bpe.hpp"

#include <algorithm>
#include <bit>
#include <functional>

#include "text/unicode.hpp"

namespace llava::core {
namespace {

constexpr uint32_t kNoRank = UINT32_MAX;
constexpr uint32_t kNone = UINT32_MAX;
constexpr size_t kShortWord = 64;
constexpr char32_t kBlank = 0x2581;  // ▁

uint64_t pair_key(int32_t left, int32_t right) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
}

uint64_t scramble(uint64_t key) { return (key ^ (key >> 29)) * 0x9E3779B97F4A7C15ull; }

}  // namespace

Bpe::Bpe(const BpeRules& rules)
    : bytes_(rules.bytes),
      pages_(0x110000 / 256, 0),
      unknown_(rules.unknown),
      byte_level_(rules.byte_level),
      fuse_unknown_(rules.fuse_unknown),
      whole_words_first_(rules.whole_words_first) {
  const size_t size = std::bit_ceil(std::max<size_t>(rules.merges.size() * 2, 16));
  slots_.resize(size);
  shift_ = 64 - static_cast<uint32_t>(std::countr_zero(size));
  for (size_t i = 0; i < rules.merges.size(); ++i) {
    const BpeMerge& merge = rules.merges[i];
    const uint64_t key = pair_key(merge.left, merge.right);
    size_t at = scramble(key) >> shift_;
    while (slots_[at].pair != ~uint64_t{0} && slots_[at].pair != key) at = (at + 1) & (size - 1);
    slots_[at] = {key, static_cast<uint32_t>(i), merge.whole};
  }
  characters_.assign(256, -1);
  for (const auto& [code, id] : rules.characters) {
    uint16_t& page = pages_[code / 256];
    if (page == 0) {
      page = static_cast<uint16_t>(characters_.size() / 256);
      characters_.resize(characters_.size() + 256, -1);
    }
    characters_[page * 256u + code % 256] = id;
  }
  if (whole_words_first_) words_.insert(rules.words.begin(), rules.words.end());
  cuts_at_blank_ = rules.cuts_at_blank && character(kBlank) >= 0;
}

const Bpe::Slot* Bpe::find(int32_t left, int32_t right) const {
  const uint64_t key = pair_key(left, right);
  for (size_t at = scramble(key) >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].pair == key) return &slots_[at];
    if (slots_[at].pair == ~uint64_t{0}) return nullptr;
  }
}

int32_t Bpe::character(char32_t code) const { return characters_[pages_[code / 256] * 256u + code % 256]; }

uint32_t Bpe::rank(const Symbol& left, const Symbol& right) const {
  const Slot* slot = find(left.id, right.id);
  return slot ? slot->rank : kNoRank;
}

void Bpe::split(std::string_view text, uint32_t begin, uint32_t end, std::vector<Symbol>& symbols) const {
  symbols.clear();
  if (byte_level_) {
    for (uint32_t at = begin; at < end; ++at) symbols.push_back({bytes_[static_cast<uint8_t>(text[at])], at, at + 1});
    return;
  }
  bool after_unknown = false;
  for (uint32_t at = begin; at < end;) {
    const CodePoint point = code_point_at(text, at);
    const int32_t id = character(point.code);
    const bool falls_back = id < 0 && bytes_[0] >= 0;
    if (id >= 0) {
      symbols.push_back({id, at, at + point.bytes});
    } else if (falls_back) {
      for (uint32_t i = at; i < at + point.bytes; ++i)
        symbols.push_back({bytes_[static_cast<uint8_t>(text[i])], i, i + 1});
    } else if (unknown_ >= 0 && after_unknown && fuse_unknown_) {
      symbols.back().end = at + point.bytes;
    } else if (unknown_ >= 0) {
      symbols.push_back({unknown_, at, at + point.bytes});
    }
    after_unknown = id < 0 && !falls_back;
    at += point.bytes;
  }
}

void Bpe::merge_short(std::vector<Symbol>& symbols) const {
  for (size_t i = 0; i + 1 < symbols.size(); ++i) symbols[i].rank = rank(symbols[i], symbols[i + 1]);
  while (symbols.size() > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < symbols.size(); ++i)
      if (symbols[i].rank < symbols[best].rank) best = i;
    if (symbols[best].rank == kNoRank) return;
    symbols[best].id = find(symbols[best].id, symbols[best + 1].id)->whole;
    symbols[best].end = symbols[best + 1].end;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    if (best + 1 < symbols.size()) symbols[best].rank = rank(symbols[best], symbols[best + 1]);
    if (best > 0) symbols[best - 1].rank = rank(symbols[best - 1], symbols[best]);
  }
}

/// Queue entries are rank << 32 | position; one is stale when its symbol is gone or has another rank by now.
void Bpe::merge_long(Work& work) const {
  auto& symbols = work.symbols;
  auto& queue = work.queue;
  const auto count = static_cast<uint32_t>(symbols.size());
  queue.clear();
  for (uint32_t i = 0; i < count; ++i) {
    symbols[i].previous = i == 0 ? kNone : i - 1;
    symbols[i].next = i + 1 == count ? kNone : i + 1;
    symbols[i].rank = i + 1 == count ? kNoRank : rank(symbols[i], symbols[i + 1]);
    if (symbols[i].rank != kNoRank) queue.push_back((static_cast<uint64_t>(symbols[i].rank) << 32) | i);
  }
  const auto later = std::greater<uint64_t>();
  std::make_heap(queue.begin(), queue.end(), later);
  const auto refresh = [&](uint32_t at) {
    Symbol& symbol = symbols[at];
    symbol.rank = symbol.next == kNone ? kNoRank : rank(symbol, symbols[symbol.next]);
    if (symbol.rank == kNoRank) return;
    queue.push_back((static_cast<uint64_t>(symbol.rank) << 32) | at);
    std::push_heap(queue.begin(), queue.end(), later);
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    const auto at = static_cast<uint32_t>(queue.back());
    const auto expected = static_cast<uint32_t>(queue.back() >> 32);
    queue.pop_back();
    Symbol& left = symbols[at];
    if (left.id < 0 || left.rank != expected) continue;
    Symbol& right = symbols[left.next];
    left.id = find(left.id, right.id)->whole;
    left.end = right.end;
    right.id = -1;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = at;
    refresh(at);
    if (left.previous != kNone) refresh(left.previous);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.id < 0; });
}

void Bpe::encode_word(std::string_view text, uint32_t begin, uint32_t end, std::vector<Token>& out, Work& work) const {
  split(text, begin, end, work.symbols);
  if (work.symbols.size() <= kShortWord) {
    merge_short(work.symbols);
  } else {
    merge_long(work);
  }
  for (const Symbol& symbol : work.symbols) out.push_back({symbol.id, symbol.begin, symbol.end});
}

void Bpe::encode(std::string_view text, uint32_t begin, uint32_t end, std::vector<Token>& out, Work& work) const {
  if (whole_words_first_) {
    const auto found = words_.find(text.substr(begin, end - begin));
    if (found != words_.end()) return out.push_back({found->second, begin, end});
  }
  if (!cuts_at_blank_) return encode_word(text, begin, end, out, work);
  bool after_blank = true;
  for (uint32_t at = begin; at < end;) {
    const CodePoint point = code_point_at(text, at);
    if (point.code == kBlank && !after_blank) {
      encode_word(text, begin, at, out, work);
      begin = at;
    }
    after_blank = point.code == kBlank;
    at += point.bytes;
  }
  if (begin < end) encode_word(text, begin, end, out, work);
}

}  // namespace llava::core
