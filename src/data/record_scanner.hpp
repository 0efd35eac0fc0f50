// Where the records of a data file begin and end, found in one pass over its bytes, with the grammar of RFC 8259 checked
// on the way. Nothing is built: 1 GB of records goes through in about a second.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

/// Bytes [begin, begin + size) of a file.
struct RecordSpan {
  uint64_t begin = 0;
  uint32_t size = 0;
};

/// Reads a list of objects ("[{…}, {…}]") or JSONL (an object a line; blank lines between them are fine). One
/// byte-order mark at the start of the file is skipped.
///
/// Throws Error(format) with record and line (from 1) and byte (from 0) for everything outside that: RFC 8259 to the
/// letter (no trailing commas, NaN, comments), valid UTF-8, no lone surrogates. Error(limit) for records that are too
/// large or nested too deep. Keys that stand twice and numbers out of range are left to who reads a record.
class RecordScanner {
 public:
  explicit RecordScanner(std::string name) : name_(std::move(name)) {}

  /// The next bytes of the file, in any portions.
  void feed(std::string_view bytes);

  /// After the last byte: refuses a file that ends too early or holds no record.
  void finish();

  const std::vector<RecordSpan>& records() const { return records_; }
  std::vector<RecordSpan> take() { return std::move(records_); }
  bool is_list() const { return is_list_; }
  bool has_mark() const { return has_mark_; }  // a byte-order mark

 private:
  enum class State : uint8_t {
    mark,          // perhaps inside a byte-order mark
    start,         // before the first record
    value,         // a value must come
    first_item,    // after "[" inside a record: a value or "]"
    first_key,     // after "{": a key or "}"
    key,           // after "," in an object
    colon,         // after a key
    after_value,   // "," or a closing bracket
    next_record,   // in a list after ",": "{"
    after_record,  // in a list: "," or "]"; in JSONL a line break
    end,           // after the list: blanks alone
    string,
    escape,
    hex,
    number,
    literal
  };
  enum class Digits : uint8_t { minus, zero, whole, point, fraction, exponent, sign, power };

  const char* step(const char* at, const char* end);
  const char* string(const char* at, const char* end);
  void structure(char byte);
  void outside(char byte);
  void begin_value(char byte);
  void begin_record(char byte);
  void open(bool object);
  void close(bool object);
  void end_value();
  void escape(char byte);
  void hex(char byte);
  bool number(char byte);
  void literal(char byte);
  bool unicode(uint8_t byte);
  void skip_mark(char byte);
  std::string found(char byte) const;
  [[noreturn]] void refuse(std::string_view what, bool too_much = false) const;

  std::string name_;
  std::vector<RecordSpan> records_;
  State state_ = State::mark;
  Digits digits_ = Digits::minus;
  bool is_list_ = false, has_mark_ = false;
  bool in_record_ = false, line_break_ = true, is_key_ = false;
  uint64_t at_ = 0;     // offset of the byte at hand
  uint64_t begin_ = 0;  // of the record at hand
  uint64_t line_ = 1;
  uint64_t objects_ = 0;  // a bit for each open bracket of the record: 1 an object
  int depth_ = 0;
  const char* word_ = "";  // what is left of a literal
  int mark_bytes_ = 0;
  int hex_left_ = 0;
  uint32_t code_ = 0;
  bool high_ = false;  // a high surrogate waits for its low one
  int tail_ = 0;       // bytes a UTF-8 sequence still lacks
  uint8_t lowest_ = 0x80, highest_ = 0xBF;
};

}  // namespace llava::core
