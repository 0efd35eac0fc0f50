// Classes come from utf8proc's categories and ranges listed here; normal forms from its decompositions, whose inverse
// is built once. The composing itself is ours: utf8proc sorts marks by exchanging neighbours, which takes minutes for a
// megabyte of marks, and does not say where a code point came from.
#include "text/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <unordered_map>

namespace llava::core {
namespace {

struct Range {
  char32_t first, last;
};

// Assigned after Unicode 15.0, up to 16.0.
constexpr Range kNewerLetters[] = {{0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
                                   {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x11380, 0x11389},
                                   {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7},
                                   {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0}, {0x13460, 0x143FA},
                                   {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED},
                                   {0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D}};
constexpr Range kNewerCapitals[] = {
    {0x1C89, 0x1C89}, {0xA7CB, 0xA7CC}, {0xA7DA, 0xA7DA}, {0xA7DC, 0xA7DC}, {0x10D50, 0x10D65}};
constexpr Range kNewerSmalls[] = {{0x1C8A, 0x1C8A}, {0xA7CD, 0xA7CD}, {0xA7DB, 0xA7DB}, {0x10D70, 0x10D85}};
constexpr Range kNewerNumbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x16130, 0x16139},
                                   {0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA}};
constexpr Range kNewerMarks[] = {{0x897, 0x897},     {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFC}, {0x113B8, 0x113C0},
                                 {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0},
                                 {0x113D2, 0x113D2}, {0x113E1, 0x113E2}, {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F},
                                 {0x1E5EE, 0x1E5EF}};
// Alphabetic although neither letters nor marks: circled and squared Latin letters.
constexpr Range kAlphabeticSymbols[] = {{0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};

// Combining marks younger than Unicode 9: the reference does not reorder them.
constexpr Range kUnorderedMarks[] = {
    {0x7FD, 0x7FD},     {0x897, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC}, {0x10EFC, 0x10EFF},
    {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x113CE, 0x113D0},
    {0x113E1, 0x113E2}, {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x1612F, 0x1612F}, {0x16FF0, 0x16FF1},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
    {0x1E5EE, 0x1E5EF}};
constexpr char32_t kUncomposed = 0x11938;  // the one composite younger than Unicode 9, up to 15

template <size_t N>
bool within(char32_t code, const Range (&ranges)[N]) noexcept {
  const auto* after = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                       [](char32_t value, const Range& range) { return value < range.first; });
  return after != std::begin(ranges) && code <= std::prev(after)->last;
}

CharClass find_class(char32_t code) noexcept {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::space;
    case UTF8PROC_CATEGORY_CC:
      return (code >= 9 && code <= 13) || code == 0x85 ? CharClass::space : CharClass::other;
    case UTF8PROC_CATEGORY_CN:
      if (within(code, kNewerLetters)) return CharClass::letter;
      return within(code, kNewerNumbers) ? CharClass::number : CharClass::other;
    default:
      return CharClass::other;
  }
}

int combining_class(char32_t code) noexcept {
  if (code < 0x300) return 0;
  const int value = utf8proc_get_property(static_cast<utf8proc_int32_t>(code))->combining_class;
  return value != 0 && within(code, kUnorderedMarks) ? 0 : value;
}

constexpr char32_t kHangulFirst = 0xAC00, kHangulLast = 0xD7A3, kLead = 0x1100, kVowel = 0x1161, kTrail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTrails = 28;

bool is_hangul(char32_t code) { return code >= kHangulFirst && code <= kHangulLast; }

/// Full canonical decomposition, at most `out.size()` code points; their number, 1 for those that have none.
int decompose(char32_t code, std::array<utf8proc_int32_t, 8>& out) {
  if (code < 0xC0 || code == kUncomposed) {
    out[0] = static_cast<utf8proc_int32_t>(code);
    return 1;
  }
  int last_boundary = 0;
  const auto count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), out.data(), 8,
                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &last_boundary);
  if (count >= 1 && count <= 8) return static_cast<int>(count);
  out[0] = static_cast<utf8proc_int32_t>(code);
  return 1;
}

constexpr char32_t kBeyond = 0x30000;  // neither marks nor decompositions from here on

uint64_t pair_key(char32_t first, char32_t second) { return (static_cast<uint64_t>(first) << 32) | second; }

/// The composites and what they are made of, and which code points NFC may touch.
struct NormalForms {
  std::unordered_map<uint64_t, char32_t> composites;
  std::vector<bool> starts;  // starts_nfc()

  NormalForms() : starts(kBeyond, true) {
    // a composite's prefix is a composite of fewer parts, so shorter decompositions come first
    for (const int parts : {2, 3, 4})
      for (char32_t code = 0xC0; code < kBeyond; ++code) add(code, parts);
    for (char32_t i = 0; i < kVowels; ++i) starts[kVowel + i] = false;
    for (char32_t i = 1; i < kTrails; ++i) starts[kTrail + i] = false;
    for (char32_t code = 0x300; code < kBeyond; ++code)
      if (combining_class(code) != 0) starts[code] = false;
  }

  void add(char32_t code, int parts) {
    if (is_hangul(code)) return;
    std::array<utf8proc_int32_t, 8> all{};
    const int count = decompose(code, all);
    if (count == 1 && all[0] != static_cast<utf8proc_int32_t>(code)) starts[code] = false;  // replaced by another one
    if (count != parts) return;
    char32_t first = static_cast<char32_t>(all[0]);
    bool joined = true;
    for (int i = 1; i + 1 < count && joined; ++i) {
      const auto found = composites.find(pair_key(first, static_cast<char32_t>(all[i])));
      joined = found != composites.end();
      if (joined) first = found->second;
    }
    if (!joined || is_excluded(code)) {
      starts[code] = false;
      return;
    }
    composites.emplace(pair_key(first, static_cast<char32_t>(all[count - 1])), code);
    starts[static_cast<size_t>(all[count - 1])] = false;
  }

  /// utf8proc composes everything that Unicode lets it compose; what it does not give back is excluded.
  static bool is_excluded(char32_t code) {
    std::array<utf8proc_int32_t, 8> buffer{};
    const int count = decompose(code, buffer);
    const auto left = utf8proc_normalize_utf32(buffer.data(), count,
                                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    return left != 1 || buffer[0] != static_cast<utf8proc_int32_t>(code);
  }
};

const NormalForms& normal_forms() {
  static const auto* forms = new NormalForms;  // outlives the exit of the process
  return *forms;
}

/// The composite of two code points, 0 when there is none.
char32_t composite(char32_t first, char32_t second) {
  if (first >= kLead && first < kLead + kLeads && second >= kVowel && second < kVowel + kVowels)
    return kHangulFirst + ((first - kLead) * kVowels + (second - kVowel)) * kTrails;
  if (is_hangul(first) && (first - kHangulFirst) % kTrails == 0 && second > kTrail && second < kTrail + kTrails)
    return first + (second - kTrail);
  const auto& table = normal_forms().composites;
  const auto found = table.find(pair_key(first, second));
  return found == table.end() ? 0 : found->second;
}

}  // namespace

CharClass char_class(char32_t code) noexcept {
  static const auto ascii = [] {
    std::array<CharClass, 128> classes{};
    for (char32_t c = 0; c < 128; ++c) classes[c] = find_class(c);
    return classes;
  }();
  return code < 128 ? ascii[code] : find_class(code);
}

int general_category(char32_t code) noexcept {
  const int category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  if (category != UTF8PROC_CATEGORY_CN) return category;
  if (within(code, kNewerCapitals)) return UTF8PROC_CATEGORY_LU;
  if (within(code, kNewerSmalls)) return UTF8PROC_CATEGORY_LL;
  if (within(code, kNewerLetters)) return UTF8PROC_CATEGORY_LO;
  if (within(code, kNewerNumbers)) return UTF8PROC_CATEGORY_ND;
  return within(code, kNewerMarks) ? UTF8PROC_CATEGORY_MN : UTF8PROC_CATEGORY_CN;
}

bool is_word_char(char32_t code) noexcept {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    case UTF8PROC_CATEGORY_SO:
      return within(code, kAlphabeticSymbols);
    case UTF8PROC_CATEGORY_CF:
      return code == 0x200C || code == 0x200D;
    case UTF8PROC_CATEGORY_CN:
      return find_class(code) != CharClass::other || within(code, kNewerMarks);
    default:
      return find_class(code) == CharClass::letter;
  }
}

CodePoint code_point_at(std::string_view text, size_t at) noexcept {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {((lead & 0x1Fu) << 6) | (byte(1) & 0x3Fu), 2};
  if (lead < 0xF0) return {((lead & 0x0Fu) << 12) | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu), 3};
  return {((lead & 0x07u) << 18) | ((byte(1) & 0x3Fu) << 12) | ((byte(2) & 0x3Fu) << 6) | (byte(3) & 0x3Fu), 4};
}

size_t previous_code_point(std::string_view text, size_t end) noexcept {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool starts_nfc(char32_t code) noexcept { return code < 0x300 || code >= kBeyond || normal_forms().starts[code]; }

void compose_nfc(std::vector<PlacedCode>& run) {
  std::vector<PlacedCode> parts;
  parts.reserve(run.size());
  for (const PlacedCode& placed : run) {
    std::array<utf8proc_int32_t, 8> all{};
    const int count = decompose(placed.code, all);
    for (int i = 0; i < count; ++i) parts.push_back({static_cast<char32_t>(all[i]), placed.begin, placed.end});
  }
  for (size_t i = 0; i < parts.size();) {  // sort each stretch of marks by class, equal ones in their order
    size_t end = i;
    while (end < parts.size() && combining_class(parts[end].code) != 0) ++end;
    const auto at = [&](size_t n) { return parts.begin() + static_cast<std::ptrdiff_t>(n); };
    std::stable_sort(at(i), at(end), [](const PlacedCode& a, const PlacedCode& b) {
      return combining_class(a.code) < combining_class(b.code);
    });
    i = std::max(end, i + 1);
  }
  run.clear();
  size_t starter = SIZE_MAX;
  int last_class = 0;  // of what stands between the starter and the next part; a mark of that class or above blocks
  for (const PlacedCode& part : parts) {
    const int own = combining_class(part.code);
    const bool adjacent = starter != SIZE_MAX && starter + 1 == run.size();
    const bool open = starter != SIZE_MAX && (adjacent || (last_class < own && last_class != 0));
    const char32_t joined = open ? composite(run[starter].code, part.code) : 0;
    if (joined != 0) {
      run[starter].code = joined;
      run[starter].begin = std::min(run[starter].begin, part.begin);
      run[starter].end = std::max(run[starter].end, part.end);
      continue;
    }
    if (own == 0) starter = run.size();
    last_class = own;
    run.push_back(part);
  }
}

}  // namespace llava::core
