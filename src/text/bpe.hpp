// Byte-pair encoding as the `tokenizers` library does it: of all neighbours in a word that may be merged, those of the
// lowest rank are, the leftmost first, until there are none. O(n log n) in the length of a word.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace llava::core {

/// One merge: two ids and the id of both together. Its place in the list is its rank.
struct BpeMerge {
  int32_t left = -1;
  int32_t right = -1;
  int32_t whole = -1;
};

/// What an encoder is made of; everything is checked by tokenizer_json.hpp.
struct BpeRules {
  bool byte_level = false;           // words are bytes, else code points
  bool fuse_unknown = false;         // neighbouring unknown characters give one token
  bool whole_words_first = false;    // ignore_merges: a word that is a token is that token
  bool cuts_at_blank = false;        // no merge joins "▁…" to something before it that does not end in "▁"
  int32_t unknown = -1;              // -1: characters without a token give nothing
  std::array<int32_t, 256> bytes{};  // byte level: the token of each byte. Else byte fallback, or all -1
  std::vector<std::pair<char32_t, int32_t>> characters;     // tokens of one code point, when not byte level
  std::vector<std::pair<std::string_view, int32_t>> words;  // for whole_words_first; the views stay valid
  std::vector<BpeMerge> merges;                             // later ones win over equal pairs
};

class Bpe {
 public:
  /// Bytes [begin, end) of the text the word stands in. Tokens of one character that fell back to bytes lie within it.
  struct Token {
    int32_t id = 0;
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  struct Symbol {
    int32_t id = 0;
    uint32_t begin = 0;
    uint32_t end = 0;
    uint32_t rank = 0;  // of the merge with the next symbol
    uint32_t previous = 0;
    uint32_t next = 0;
  };

  /// Memory of one caller, kept from word to word.
  struct Work {
    std::vector<Symbol> symbols;
    std::vector<uint64_t> queue;
  };

  explicit Bpe(const BpeRules& rules);

  /// Appends the tokens of the word text[begin, end); valid UTF-8 unless byte level.
  void encode(std::string_view text, uint32_t begin, uint32_t end, std::vector<Token>& out, Work& work) const;

 private:
  struct Slot {
    uint64_t pair = ~uint64_t{0};
    uint32_t rank = 0;
    int32_t whole = -1;
  };

  const Slot* find(int32_t left, int32_t right) const;
  int32_t character(char32_t code) const;
  uint32_t rank(const Symbol& left, const Symbol& right) const;
  void split(std::string_view text, uint32_t begin, uint32_t end, std::vector<Symbol>& symbols) const;
  void encode_word(std::string_view text, uint32_t begin, uint32_t end, std::vector<Token>& out, Work& work) const;
  void merge_short(std::vector<Symbol>& symbols) const;
  void merge_long(Work& work) const;

  std::vector<Slot> slots_;  // open addressing, at most half full
  uint32_t shift_ = 0;
  std::array<int32_t, 256> bytes_{};
  std::vector<int32_t> characters_;  // pages of 256 code points
  std::vector<uint16_t> pages_;      // 0 is the empty page
  std::unordered_map<std::string_view, int32_t> words_;
  int32_t unknown_ = -1;
  bool byte_level_ = false;
  bool fuse_unknown_ = false;
  bool whole_words_first_ = false;
  bool cuts_at_blank_ = false;  // no token reaches over the beginning of a run of "▁", so words may be cut there
};

}  // namespace llava::core
