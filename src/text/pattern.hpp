// What a tokenizer.json splits or replaces by: a literal text, one of the well-known expressions (scanned by hand, with
// the reference's own character classes), or any other regular expression, which PCRE2 compiles.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/aligned_text.hpp"

namespace llava::core {

class Pattern {
 public:
  /// `where` is the JSON path, for messages. Throws Error(format) for "", Error(limit) above limits::kPatternBytes.
  static Pattern literal(const std::string& text, const std::string& where);

  /// Where PCRE2 has to be used, the punctuation and the symbols of Unicode 16 are none.
  ///
  /// Throws besides Error(format) for what is no expression, Error(unsupported) for what the reference (Oniguruma, Ruby
  /// syntax) and PCRE2 read differently: \w \W \b \B \h \H \A \Z \z \G \K \C \R \X, scripts and other properties than
  /// general categories, flags but i, sets within sets, names, verbs, conditions and calls.
  static Pattern regex(const std::string& expression, const std::string& where);

  /// Appends the matches in `text` (valid UTF-8), from left to right, none overlapping. An expression may match nothing
  /// between two characters, though not where the match before ended.
  /// Throws Error(limit) when an expression needs more than limits::kPatternStepsPerByte steps for each byte.
  void find_all(std::string_view text, std::vector<TextRange>& matches) const;

  bool is_well_known() const { return scan_ != nullptr; }

 private:
  struct Compiled;
  using Scan = size_t (*)(std::string_view text, size_t at);  // the end of the match that begins at `at`

  void find_compiled(std::string_view text, std::vector<TextRange>& matches) const;

  std::string text_;  // literal, or the expression
  Scan scan_ = nullptr;
  std::shared_ptr<const Compiled> compiled_;
  std::string where_;
};

}  // namespace llava::core
