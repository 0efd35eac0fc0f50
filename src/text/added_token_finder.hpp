// Finds the tokens that a tokenizer.json adds to its vocabulary as whole texts, before anything else is done to a text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

/// How one added token is found. A hidden one (special, and typed text never gives it) still takes its place in the
/// search, as in `tokenizers` with encode_special_tokens: what overlaps it is not found, and it stays text.
struct AddedTokenRule {
  int32_t id = 0;
  std::string text;
  bool hidden = false;
  bool single_word = false;  // only between non-word characters
  bool lstrip = false;       // takes the blanks before it
  bool rstrip = false;       // takes the blanks after it
};

class AddedTokenFinder {
 public:
  /// A stretch of text; id -1: no added token.
  struct Part {
    int32_t id = -1;
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  void add(AddedTokenRule rule);

  /// The parts of `text`, in order, none of the texts between tokens empty: leftmost match first, the longest of those.
  std::vector<Part> split(std::string_view text) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, uint32_t>> children;
    int32_t rule = -1;
  };

  const AddedTokenRule* longest(std::string_view text, size_t at) const;

  std::vector<AddedTokenRule> rules_;
  std::vector<Node> nodes_ = {Node{}};
  std::array<bool, 256> begins_{};  // some token begins with this byte
  bool finds_ = false;              // some token is not hidden
};

}  // namespace llava::core
