#include "text/text_steps.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "text/unicode.hpp"

namespace llava::core {
namespace {

using Step = PreTokenizerStep;

constexpr size_t kLongestText = size_t{1} << 27;

void check_size(size_t bytes) {
  if (bytes > kLongestText)
    throw Error(Status::limit, cat("a text grew beyond ", kLongestText, " bytes by replacements"));
}

uint32_t size_of(const AlignedText& text) { return static_cast<uint32_t>(text.size()); }

AlignedText prepended(const AlignedText& from, std::string_view bytes) {
  AlignedText text;
  text.reserve(from.size() + bytes.size());
  text.put(bytes, from.origin(0));
  text.keep(from, 0, size_of(from));
  text.finish(from.origin(from.size()));
  return text;
}

AlignedText replaced(AlignedText from, const Pattern& pattern, std::string_view content) {
  std::vector<TextRange> matches;
  pattern.find_all(from.text(), matches);
  if (matches.empty()) return from;
  check_size(from.size() + matches.size() * content.size());
  AlignedText text;
  text.reserve(from.size() + matches.size() * content.size());
  uint32_t done = 0;
  for (const TextRange& match : matches) {
    text.keep(from, done, match.begin);
    text.put(content, from.origin(match.begin));
    done = match.end;
  }
  text.keep(from, done, size_of(from));
  text.finish(from.origin(from.size()));
  return text;
}

void append_utf8(std::string& out, char32_t code) {
  const auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3F))); };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code >> 6)));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (code >> 12)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xF0 | (code >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Composes the runs in which there is something to compose; the rest stays as it is.
AlignedText composed(AlignedText from) {
  const std::string& bytes = from.text();
  const auto code_at = [&](uint32_t at) { return code_point_at(bytes, at); };
  uint32_t at = 0;
  while (at < size_of(from) && starts_nfc(code_at(at).code)) at += code_at(at).bytes;
  if (at == size_of(from)) return from;
  AlignedText text;
  text.reserve(from.size());
  std::vector<PlacedCode> run;
  std::string written;
  uint32_t done = 0;
  for (uint32_t begin = 0; begin < size_of(from);) {  // a run is one code point and what NFC may join to it
    run.clear();
    uint32_t end = begin;
    bool inert = true;
    do {
      const CodePoint point = code_at(end);
      inert = inert && starts_nfc(point.code);
      run.push_back({point.code, end, end + point.bytes});
      end += point.bytes;
    } while (end < size_of(from) && !starts_nfc(code_at(end).code));
    if (!inert) {
      text.keep(from, done, begin);
      compose_nfc(run);
      for (const PlacedCode& placed : run) {
        written.clear();
        append_utf8(written, placed.code);
        text.put(written, from.origin(std::max(placed.begin, begin)));
      }
      done = end;
    }
    begin = end;
  }
  text.keep(from, done, size_of(from));
  text.finish(from.origin(from.size()));
  return text;
}

/// A stretch of a word and whether it matched.
struct Piece {
  TextRange range;
  bool matches;
};

std::vector<Piece> pieces_of(std::string_view word, uint32_t first, const Step& step) {
  std::vector<TextRange> matches;
  step.pattern->find_all(word, matches);
  std::vector<Piece> pieces;
  uint32_t done = 0;
  const auto add = [&](uint32_t begin, uint32_t end, bool matched) {
    pieces.push_back({{first + begin, first + end}, matched != step.invert});
  };
  for (const TextRange& match : matches) {
    if (done < match.begin) add(done, match.begin, false);
    add(match.begin, match.end, true);
    done = match.end;
  }
  if (done < word.size()) add(done, static_cast<uint32_t>(word.size()), false);
  return pieces;
}

/// Joins each match with its neighbour in the direction of the walk; a match after a match stands alone.
void merge_matches(const std::vector<Piece>& pieces, bool forwards, std::vector<TextRange>& out) {
  const size_t first_out = out.size();
  bool after_match = false;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[forwards ? i : pieces.size() - 1 - i];
    if (piece.matches && !after_match && out.size() > first_out) {
      (forwards ? out.back().end : out.back().begin) = forwards ? piece.range.end : piece.range.begin;
    } else {
      out.push_back(piece.range);
    }
    after_match = piece.matches;
  }
  if (!forwards) std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first_out), out.end());
}

void append_split(const std::vector<Piece>& pieces, Step::Behavior behavior, std::vector<TextRange>& out) {
  using Behavior = Step::Behavior;
  if (behavior == Behavior::merged_with_previous) return merge_matches(pieces, true, out);
  if (behavior == Behavior::merged_with_next) return merge_matches(pieces, false, out);
  bool last = false, any = false;
  for (const Piece& piece : pieces) {
    if (behavior == Behavior::removed && piece.matches) continue;
    if (behavior == Behavior::contiguous && any && last == piece.matches) {
      out.back().end = piece.range.end;
    } else {
      out.push_back(piece.range);
    }
    last = piece.matches;
    any = true;
  }
}

void drop_empty(std::vector<TextRange>& ranges) {
  std::erase_if(ranges, [](const TextRange& range) { return range.begin == range.end; });
}

void split_words(Words& words, const Step& step) {
  std::vector<TextRange> ranges;
  const std::string_view text = words.text.text();
  for (const TextRange& word : words.ranges)
    append_split(pieces_of(text.substr(word.begin, word.end - word.begin), word.begin, step), step.behavior, ranges);
  words.ranges = std::move(ranges);
  drop_empty(words.ranges);
}

/// The words of a Metaspace step are cut before each blank.
void cut_at_blanks(std::string_view text, TextRange word, std::string_view blank, std::vector<TextRange>& out) {
  for (size_t at = text.find(blank, word.begin + 1); at < word.end; at = text.find(blank, at + 1)) {
    out.push_back({word.begin, static_cast<uint32_t>(at)});
    word.begin = static_cast<uint32_t>(at);
  }
  out.push_back(word);
}

void apply_metaspace(Words& words, const Step& step) {
  Words fresh;
  fresh.text.reserve(words.text.size() + step.blank.size());
  const std::string_view text = words.text.text();
  std::vector<TextRange> whole;
  for (const TextRange& word : words.ranges) {
    const uint32_t begin = size_of(fresh.text);
    const bool has_blank = text[word.begin] == ' ' || text.substr(word.begin).starts_with(step.blank);
    const bool first = words.text.origin(word.begin) == 0;
    if (!has_blank && (step.prepend == Step::Prepend::always || (step.prepend == Step::Prepend::first && first)))
      fresh.text.put(step.blank, words.text.origin(word.begin));
    uint32_t done = word.begin;
    for (uint32_t at = word.begin; at < word.end; ++at) {
      if (text[at] != ' ') continue;
      fresh.text.keep(words.text, done, at);
      fresh.text.put(step.blank, words.text.origin(at));
      done = at + 1;
    }
    fresh.text.keep(words.text, done, word.end);
    whole.push_back({begin, size_of(fresh.text)});
  }
  fresh.text.finish(words.text.origin(words.text.size()));
  for (const TextRange& word : whole) {
    if (step.splits) {
      cut_at_blanks(fresh.text.text(), word, step.blank, fresh.ranges);
    } else {
      fresh.ranges.push_back(word);
    }
  }
  words = std::move(fresh);
}

/// Puts a blank before each word that has none.
void add_blanks(Words& words) {
  Words fresh;
  fresh.text.reserve(words.text.size() + words.ranges.size());
  for (const TextRange& word : words.ranges) {
    const uint32_t begin = size_of(fresh.text);
    if (words.text.text()[word.begin] != ' ') fresh.text.put(" ", words.text.origin(word.begin));
    fresh.text.keep(words.text, word.begin, word.end);
    fresh.ranges.push_back({begin, size_of(fresh.text)});
  }
  fresh.text.finish(words.text.origin(words.text.size()));
  words = std::move(fresh);
}

}  // namespace

AlignedText normalize(AlignedText text, const std::vector<NormalizerStep>& steps) {
  for (const NormalizerStep& step : steps) {
    if (text.size() == 0) return text;
    switch (step.kind) {
      case NormalizerStep::Kind::prepend:
        text = prepended(text, step.text);
        break;
      case NormalizerStep::Kind::replace:
        text = replaced(std::move(text), *step.pattern, step.text);
        break;
      case NormalizerStep::Kind::nfc:
        text = composed(std::move(text));
        break;
    }
  }
  return text;
}

Words pre_tokenize(AlignedText text, const std::vector<PreTokenizerStep>& steps) {
  Words words;
  words.text = std::move(text);
  if (words.text.size() > 0) words.ranges.push_back({0, size_of(words.text)});
  for (const PreTokenizerStep& step : steps) {
    if (step.kind == Step::Kind::metaspace) {
      apply_metaspace(words, step);
      continue;
    }
    if (step.kind == Step::Kind::byte_level && step.adds_blank) add_blanks(words);
    if (step.pattern) split_words(words, step);
  }
  return words;
}

}  // namespace llava::core
