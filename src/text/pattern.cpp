// PCRE2 stands behind four fences: no just-in-time compiler, a bound on the pattern, a memory bound, and a count of
// steps that spans all matches of one text (its own match limit starts anew at every position).
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pattern.hpp"

#include <pcre2.h>

#include <array>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/known_patterns.hpp"
#include "text/pattern_syntax.hpp"
#include "text/stand_ins.hpp"
#include "text/unicode.hpp"

namespace llava::core {
namespace {

constexpr uint32_t kNesting = 50;         // parentheses; the compiler recurses
constexpr uint32_t kHeapKib = 64 * 1024;  // for what a match has to remember
constexpr int64_t kFreeSteps = 1 << 12;   // whatever the length of the text
constexpr int64_t kCoveredBytes = int64_t{1} << 32;

struct Budget {
  int64_t steps = 0;
  int64_t covered_bytes = kCoveredBytes;
};

/// Called before every item of the expression. What the attempt has covered so far counts too, so that loops over
/// single characters, which are not reported one by one, are paid for.
int count_steps(pcre2_callout_block* block, void* data) {
  auto& budget = *static_cast<Budget*>(data);
  budget.steps -= 1;
  if (block->current_position > block->start_match)
    budget.covered_bytes -= static_cast<int64_t>(block->current_position - block->start_match);
  return budget.steps < 0 || budget.covered_bytes < 0 ? PCRE2_ERROR_MATCHLIMIT : 0;
}

std::string pcre_message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

template <typename Type>
Type* allocated(Type* pointer) {
  if (!pointer) throw std::bad_alloc();
  return pointer;
}

template <auto kFree>
struct Freeing {
  template <typename Type>
  void operator()(Type* pointer) const {
    kFree(pointer);
  }
};
using Code = std::unique_ptr<pcre2_code, Freeing<pcre2_code_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Freeing<pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freeing<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freeing<pcre2_match_data_free>>;

void check_length(const std::string& text, const std::string& where) {
  if (text.empty()) throw Error(Status::format, cat(where, " is empty"));
  if (static_cast<int64_t>(text.size()) > limits::kPatternBytes)
    throw Error(Status::limit, cat(where, " has ", text.size(), " bytes, at most ", limits::kPatternBytes));
}

}  // namespace

struct Pattern::Compiled {
  Code code;
};

Pattern Pattern::literal(const std::string& text, const std::string& where) {
  check_length(text, where);
  Pattern pattern;
  pattern.text_ = text;
  pattern.where_ = where;
  return pattern;
}

Pattern Pattern::regex(const std::string& expression, const std::string& where) {
  Pattern pattern = literal(expression, where);
  pattern.scan_ = known_pattern(expression);
  if (pattern.scan_) return pattern;
  const std::string translated = translate_pattern(expression, where);
  const CompileContext context(allocated(pcre2_compile_context_create(nullptr)));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), kNesting);
  int failure = 0;
  PCRE2_SIZE offset = 0;
  constexpr uint32_t kOptions =
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), kOptions, &failure,
                          &offset, context.get()));
  if (!code) throw Error(Status::format, cat(where, ": \"", printable(expression, 80), "\": ", pcre_message(failure)));
  pattern.compiled_ = std::make_shared<const Compiled>(Compiled{std::move(code)});
  return pattern;
}

void Pattern::find_all(std::string_view text, std::vector<TextRange>& matches) const {
  if (compiled_) return find_compiled(text, matches);
  for (size_t at = 0; at < text.size();) {
    size_t end = 0;
    if (scan_) {
      end = scan_(text, at);
    } else {
      at = text.find(text_, at);
      if (at == std::string_view::npos) return;
      end = at + text_.size();
    }
    matches.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(end)});
    at = end;
  }
}

void Pattern::find_compiled(std::string_view text, std::vector<TextRange>& matches) const {
  std::string shown;
  if (put_stand_ins(text, shown)) text = shown;
  Budget budget{.steps = kFreeSteps + limits::kPatternStepsPerByte * static_cast<int64_t>(text.size())};
  const MatchContext context(allocated(pcre2_match_context_create(nullptr)));
  pcre2_set_heap_limit(context.get(), kHeapKib);
  pcre2_set_callout(context.get(), count_steps, &budget);
  const MatchData data(allocated(pcre2_match_data_create(1, nullptr)));
  size_t last_end = SIZE_MAX;
  for (size_t at = 0; at <= text.size();) {
    const int found = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                  PCRE2_NO_UTF_CHECK, data.get(), context.get());
    if (found == PCRE2_ERROR_NOMATCH) return;
    if (found == PCRE2_ERROR_NOMEMORY) throw std::bad_alloc();
    if (found < 0)
      throw Error(Status::limit, cat(where_, ": \"", printable(text_, 80), "\" takes too long on this text of ",
                                     text.size(), " bytes: ", pcre_message(found)));
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    const size_t begin = range[0], end = range[1];
    if (begin == end && end == last_end) {  // nothing, right after a match: go on one character further
      if (at == text.size()) return;
      at += code_point_at(text, at).bytes;
      continue;
    }
    matches.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    at = last_end = end;
  }
}

}  // namespace llava::core
