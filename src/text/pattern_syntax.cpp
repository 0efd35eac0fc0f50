#include "text/pattern_syntax.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

// \s with UCP takes U+180E for a blank, which Unicode and Oniguruma do not
constexpr std::string_view kBlanks = R"(\t-\r\x{85}\p{Z})";

constexpr std::array<std::string_view, 38> kCategories = {
    "C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",  "Mc", "Me", "Mn", "N",  "Nd", "Nl",
    "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs", "Any"};

/// For messages: backslashes stay as they are.
std::string shown(std::string_view part) {
  std::string text = printable(part, 40);
  for (size_t at = text.find("\\x5c"); at != text.npos; at = text.find("\\x5c", at + 1)) text.erase(at + 1, 3);
  return text;
}

class Translator {
 public:
  Translator(std::string_view expression, const std::string& where) : rest_(expression), where_(where) {}

  std::string run() {
    while (!rest_.empty()) {
      if (rest_[0] == '\\') {
        escape();
      } else if (in_set_) {
        set_item();
      } else {
        item();
      }
    }
    if (in_set_) refuse_end("a set that is not closed");
    return std::move(out_);
  }

 private:
  void keep(size_t bytes) {
    out_ += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }

  [[noreturn]] void refuse(std::string_view what, std::string_view why) const {
    throw Error(Status::unsupported, cat(where_, ": ", shown(what), " ", why));
  }

  [[noreturn]] void refuse_end(std::string_view what) const {
    throw Error(Status::format, cat(where_, ": the expression ends within ", what));
  }

  void escape() {
    if (rest_.size() < 2) refuse_end("an escape");
    const char letter = rest_[1];
    const bool is_word =
        (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
    if (letter == 'p' || letter == 'P') return property();
    if (letter == 'u') return code_unit();
    if (letter == 's' || (letter == 'S' && !in_set_)) {
      out_ += in_set_ ? std::string(kBlanks) : cat(letter == 's' ? "[" : "[^", kBlanks, "]");
      rest_.remove_prefix(2);
      return;
    }
    if (is_word && std::string_view("rntfxdDS").find(letter) == std::string_view::npos)
      refuse(rest_.substr(0, 2), "is not supported: it does not mean the same everywhere");
    keep(2);
  }

  void property() {
    const size_t close = rest_.find('}');
    if (rest_.size() < 3 || rest_[2] != '{' || close == std::string_view::npos) refuse_end("a property");
    std::string_view name = rest_.substr(3, close - 3);
    if (name.starts_with('^')) name.remove_prefix(1);
    if (std::find(kCategories.begin(), kCategories.end(), name) == kCategories.end())
      refuse(rest_.substr(0, close + 1), "is not supported: only general categories are");
    keep(close + 1);
  }

  void code_unit() {  // \u00e9
    const std::string_view digits = rest_.substr(2, 4);
    if (digits.size() < 4) refuse_end("an escape");
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      refuse(rest_.substr(0, 6), "is no code point");
    out_ += cat("\\x{", digits, "}");
    rest_.remove_prefix(6);
  }

  void set_item() {
    if (rest_[0] == '[') refuse("a set within a set", "is not supported");
    if (rest_.starts_with("&&")) refuse("&& within a set", "is not supported");
    if (rest_[0] == ']') in_set_ = false;
    keep(1);
  }

  void item() {
    switch (rest_[0]) {
      case '[':
        in_set_ = true;
        keep(rest_.starts_with("[^") ? 2 : 1);
        if (rest_.starts_with(']')) refuse("a set that begins with ]", "is not supported");
        return;
      case '(':
        return group();
      case '{':
        if (rest_.starts_with("{,")) refuse("{,", "is not supported: write {0,");
        return keep(1);
      case '}':
        if (rest_.size() > 1 && (rest_[1] == '+' || rest_[1] == '?'))
          refuse(rest_.substr(0, 2), "is not supported: it does not mean the same everywhere");
        return keep(1);
      default:
        return keep(1);
    }
  }

  void group() {
    constexpr std::array<std::string_view, 9> kGroups = {"(?:", "(?=",  "(?!",  "(?<=", "(?<!",
                                                         "(?>", "(?i)", "(?i:", "(?-i:"};
    if (!rest_.starts_with("(?") && !rest_.starts_with("(*")) return keep(1);
    for (const std::string_view group : kGroups)
      if (rest_.starts_with(group)) return keep(group.size());
    refuse(rest_.substr(0, 4), "is not supported");
  }

  std::string_view rest_;
  const std::string& where_;
  std::string out_;
  bool in_set_ = false;
};

}  // namespace

std::string translate_pattern(std::string_view expression, const std::string& where) {
  return Translator(expression, where).run();
}

}  // namespace llava::core
