// A state machine that can stop at any byte. Strings are most of a data file: eight plain bytes of them go at once.
#include "data/record_scanner.hpp"

#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

bool is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }
bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/// A bit in every byte that ends a run of plain ones: controls, quote, backslash, 0x80 and above. The lowest is exact.
uint64_t special_bytes(uint64_t eight) {
  constexpr uint64_t kOnes = 0x0101010101010101u, kHigh = 0x8080808080808080u;
  const auto zero = [](uint64_t x) { return (x - kOnes) & ~x & kHigh; };
  return (eight & kHigh) | ((eight - kOnes * 0x20) & ~eight & kHigh) | zero(eight ^ kOnes * '"') |
         zero(eight ^ kOnes * '\\');
}

const char* skip_plain(const char* at, const char* end) {
  for (uint64_t eight; end - at >= 8; at += 8) {
    std::memcpy(&eight, at, 8);
    const auto special = special_bytes(eight);
    if (!special) continue;
    return std::endian::native == std::endian::little ? at + std::countr_zero(special) / 8 : at;
  }
  return at;
}

}  // namespace

void RecordScanner::refuse(std::string_view what, bool too_much) const {
  throw Error(too_much ? Status::limit : Status::format,
              cat(name_, ": record ", records_.size() + 1, ", line ", line_, ", byte ", at_, ": ", what));
}

std::string RecordScanner::found(char byte) const { return cat("found \"", printable(std::string(1, byte)), "\""); }

void RecordScanner::feed(std::string_view bytes) {
  const char *at = bytes.data(), *end = at + bytes.size();
  while (at < end) {
    const char* next = step(at, end);
    at_ += static_cast<uint64_t>(next - at);
    at = next;
    if (in_record_ && at_ - begin_ > static_cast<uint64_t>(limits::kDataRecordBytes))
      refuse(
          cat("the record begins at byte ", begin_, " and goes on for more than ", limits::kDataRecordBytes, " bytes"),
          true);
  }
}

const char* RecordScanner::step(const char* at, const char* end) {
  switch (state_) {
    case State::string:
      return string(at, end);
    case State::escape:
      escape(*at);
      return at + 1;
    case State::hex:
      hex(*at);
      return at + 1;
    case State::literal:
      literal(*at);
      return at + 1;
    case State::number:
      return number(*at) ? at + 1 : at;
    case State::mark:
      skip_mark(*at);
      return state_ == State::mark || mark_bytes_ == 3 ? at + 1 : at;
    default:
      break;
  }
  if (!is_blank(*at)) {
    in_record_ ? structure(*at) : outside(*at);
  } else if (*at == '\n') {
    if (in_record_ && !is_list_) refuse("the record goes on over a line break; JSONL has a record a line");
    ++line_;
    line_break_ = true;
  }
  return at + 1;
}

void RecordScanner::skip_mark(char byte) {
  if (mark_bytes_ == 0 && (byte == '\xFF' || byte == '\xFE')) refuse("begins as UTF-16 does, expected UTF-8");
  if (byte == "\xEF\xBB\xBF"[mark_bytes_]) {
    if (++mark_bytes_ < 3) return;
    has_mark_ = true;
  } else if (mark_bytes_ != 0) {
    refuse("not UTF-8");
  }
  state_ = State::start;
}

/// Between records.
void RecordScanner::outside(char byte) {
  switch (state_) {
    case State::start:
      is_list_ = byte == '[';
      if (is_list_) {
        state_ = State::next_record;
        return;
      }
      if (byte != '{') refuse(cat(found(byte), ", expected [ (a list of records) or { (JSONL)"));
      return begin_record(byte);
    case State::next_record:
      if (byte == ']' && records_.empty()) refuse("the list is empty, expected records");
      if (byte == ']') refuse("a comma before ], which JSON does not have; take it out");
      return begin_record(byte);
    case State::after_record:
      if (!is_list_) {
        if (byte == ',') refuse("a comma between records, which JSONL does not have");
        if (!line_break_) refuse(cat(found(byte), " behind a record, expected a line break"));
        return begin_record(byte);
      }
      if (byte != ',' && byte != ']') refuse(cat(found(byte), ", expected a comma or ] behind a record"));
      state_ = byte == ',' ? State::next_record : State::end;
      return;
    default:
      refuse(cat(found(byte), " behind the end of the list"));
  }
}

void RecordScanner::begin_record(char byte) {
  if (byte != '{') refuse(cat(found(byte), ", expected { (a record is an object)"));
  if (records_.size() >= static_cast<size_t>(limits::kDataRecords))
    refuse(cat("more than ", limits::kDataRecords, " records"), true);
  in_record_ = true;
  begin_ = at_;
  line_break_ = false;
  open(true);
}

/// Inside a record, between strings, numbers and words.
void RecordScanner::structure(char byte) {
  switch (state_) {
    case State::colon:
      if (byte != ':') refuse(cat(found(byte), ", expected : behind a key"));
      state_ = State::value;
      return;
    case State::first_key:
      if (byte == '}') return close(true);
      [[fallthrough]];
    case State::key:
      if (byte == '}') refuse("a comma before }, which JSON does not have; take it out");
      if (byte != '"') refuse(cat(found(byte), ", expected a key in quotes"));
      is_key_ = true;
      state_ = State::string;
      return;
    case State::first_item:
      if (byte == ']') return close(false);
      return begin_value(byte);
    case State::value:
      if (byte == ']') refuse("a comma before ], which JSON does not have; take it out");
      return begin_value(byte);
    default:
      if (byte == '}' || byte == ']') return close(byte == '}');
      if (byte != ',') refuse(cat(found(byte), ", expected a comma or ", objects_ & 1 ? "}" : "]"));
      state_ = objects_ & 1 ? State::key : State::value;
  }
}

void RecordScanner::begin_value(char byte) {
  const auto word = [this](const char* rest) {
    word_ = rest;
    state_ = State::literal;
  };
  if (byte == '{' || byte == '[') return open(byte == '{');
  if (byte == 't') return word("rue");
  if (byte == 'f') return word("alse");
  if (byte == 'n') return word("ull");
  if (byte == '"') {
    is_key_ = false;
    state_ = State::string;
  } else if (byte == '-' || is_digit(byte)) {
    digits_ = byte == '-' ? Digits::minus : byte == '0' ? Digits::zero : Digits::whole;
    state_ = State::number;
  } else {
    refuse(cat(found(byte), ", expected a value"));
  }
}

void RecordScanner::open(bool object) {
  if (++depth_ > limits::kJsonDepth) refuse(cat("nested deeper than ", limits::kJsonDepth, " levels"), true);
  objects_ = objects_ << 1 | (object ? 1 : 0);  // 64 levels, 64 bits
  state_ = object ? State::first_key : State::first_item;
}

void RecordScanner::close(bool object) {
  if (((objects_ & 1) != 0) != object) refuse(cat("found ", object ? "}" : "]", ", expected ", object ? "]" : "}"));
  objects_ >>= 1;
  if (--depth_ > 0) return end_value();
  records_.push_back({begin_, static_cast<uint32_t>(at_ + 1 - begin_)});
  in_record_ = false;
  state_ = State::after_record;
}

void RecordScanner::end_value() { state_ = State::after_value; }

const char* RecordScanner::string(const char* at, const char* end) {
  const char* const begin = at;
  const auto refuse_here = [&](std::string_view what) {
    at_ += static_cast<uint64_t>(at - begin);
    refuse(what);
  };
  while (at < end) {
    if (tail_ == 0 && !high_) at = skip_plain(at, end);
    if (at == end) break;
    const auto byte = static_cast<uint8_t>(*at);
    if (tail_ > 0 || (byte >= 0x80 && !high_)) {
      if (!unicode(byte)) refuse_here("not UTF-8");
    } else if (high_ && byte != '\\') {
      refuse_here("half of a surrogate pair");
    } else if (byte < 0x20) {
      refuse_here(cat("a control character in a text, ", found(*at), "; it must be escaped"));
    } else if (byte == '"' || byte == '\\') {
      state_ = byte == '\\' ? State::escape : is_key_ ? State::colon : State::after_value;
      return at + 1;
    }
    ++at;
  }
  return at;
}

bool RecordScanner::unicode(uint8_t byte) {
  if (tail_ > 0) {
    const bool fits = byte >= lowest_ && byte <= highest_;
    lowest_ = 0x80, highest_ = 0xBF;
    --tail_;
    return fits;
  }
  tail_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  lowest_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;   // overlong forms
  highest_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;  // surrogates, above U+10FFFF
  return byte >= 0xC2 && byte <= 0xF4;
}

void RecordScanner::escape(char byte) {
  if (high_ && byte != 'u') refuse("half of a surrogate pair");
  if (byte == 'u') {
    hex_left_ = 4;
    code_ = 0;
    state_ = State::hex;
    return;
  }
  if (!std::strchr("\"\\/bfnrt", byte) || byte == '\0') refuse(cat(found(byte), " behind a backslash"));
  state_ = State::string;
}

void RecordScanner::hex(char byte) {
  const bool letter = (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
  if (!letter && !is_digit(byte)) refuse(cat(found(byte), " in \\u, expected four hexadecimal digits"));
  code_ = code_ << 4 | static_cast<uint32_t>(letter ? (byte & 0xF) + 9 : byte - '0');
  if (--hex_left_ > 0) return;
  const bool low = code_ >= 0xDC00 && code_ < 0xE000;
  if (low != high_) refuse("half of a surrogate pair");
  high_ = code_ >= 0xD800 && code_ < 0xDC00;
  state_ = State::string;
}

/// False when the number ended before this byte.
bool RecordScanner::number(char byte) {
  const auto go = [this](Digits next) {
    digits_ = next;
    return true;
  };
  const bool digit = is_digit(byte), e = byte == 'e' || byte == 'E';
  switch (digits_) {
    case Digits::minus:
      if (digit) return go(byte == '0' ? Digits::zero : Digits::whole);
      break;
    case Digits::whole:
      if (digit) return true;
      [[fallthrough]];
    case Digits::zero:
      if (byte == '.') return go(Digits::point);
      if (e) return go(Digits::exponent);
      if (!digit) return end_value(), false;
      break;
    case Digits::fraction:
      if (digit) return true;
      if (e) return go(Digits::exponent);
      return end_value(), false;
    case Digits::point:
      if (digit) return go(Digits::fraction);
      break;
    case Digits::exponent:
      if (byte == '+' || byte == '-') return go(Digits::sign);
      [[fallthrough]];
    case Digits::sign:
      if (digit) return go(Digits::power);
      break;
    case Digits::power:
      if (digit) return true;
      return end_value(), false;
  }
  refuse(cat(found(byte), " in a number"));
}

void RecordScanner::literal(char byte) {
  if (byte != *word_) refuse(cat(found(byte), ", expected true, false or null"));
  if (*++word_ == '\0') end_value();
}

void RecordScanner::finish() {
  if (state_ == State::mark || state_ == State::start) refuse("the file is empty");
  if (in_record_) refuse(cat("the file ends inside the record that begins at byte ", begin_, "; it was cut off"));
  if (is_list_ && state_ != State::end) refuse("the file ends before the list does; it was cut off");
}

}  // namespace llava::core
