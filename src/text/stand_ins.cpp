// Which code points PCRE2 does not know is asked of PCRE2 itself, once, so that a newer one needs no change here.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/stand_ins.hpp"

#include <pcre2.h>
#include <utf8proc.h>

#include <array>
#include <memory>
#include <new>
#include <unordered_map>

#include "text/unicode.hpp"

namespace llava::core {
namespace {

constexpr char32_t kBeyond = 0x40000;  // planes without characters but private ones from here on

using StandIns = std::unordered_map<char32_t, std::array<char, 4>>;

size_t write_utf8(char32_t code, std::array<char, 4>& out) {
  return static_cast<size_t>(
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), reinterpret_cast<utf8proc_uint8_t*>(out.data())));
}

/// True for the code points that PCRE2 takes for unassigned.
class UnassignedTest {
 public:
  UnassignedTest() {
    int failure = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>("\\p{Cn}"), PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                              &failure, &offset, nullptr));
    data_.reset(pcre2_match_data_create(1, nullptr));
    if (!code_ || !data_) throw std::bad_alloc();
  }

  bool operator()(const std::array<char, 4>& bytes, size_t count) const {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(bytes.data()), count, 0,
                       PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK, data_.get(), nullptr) > 0;
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> data_;
};

StandIns find_stand_ins() {
  const UnassignedTest is_unassigned;
  std::unordered_map<int, std::array<char, 4>> known;  // by category and length
  StandIns all;
  for (int round = 0; round < 2; ++round) {  // first what may stand in, then for whom
    for (char32_t code = 0x80; code < kBeyond; ++code) {
      const int category = general_category(code);
      if (category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CS) continue;
      std::array<char, 4> bytes{};
      const size_t count = write_utf8(code, bytes);
      const int kind = category * 8 + static_cast<int>(count);
      if (round == 0 && known.contains(kind)) continue;
      const bool unassigned = is_unassigned(bytes, count);
      if (round == 0 && !unassigned) known.emplace(kind, bytes);
      if (round == 1 && unassigned && known.contains(kind)) all.emplace(code, known.at(kind));
    }
  }
  return all;
}

}  // namespace

bool put_stand_ins(std::string_view text, std::string& shown) {
  static const auto* stand_ins = new StandIns(find_stand_ins());  // outlives the exit of the process
  shown.clear();
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (point.bytes > 1) {
      const auto found = stand_ins->find(point.code);
      if (found != stand_ins->end()) {
        if (shown.empty()) shown.assign(text);
        shown.replace(at, point.bytes, found->second.data(), point.bytes);
      }
    }
    at += point.bytes;
  }
  return !shown.empty();
}

}  // namespace llava::core
