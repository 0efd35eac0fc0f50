// The strict scanner: checks on the bytes, then nlohmann-json's SAX parser into a handler that counts and refuses.
#include "base/json.hpp"

#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr size_t kReasonBytes = 300;  // of the scanner's own explanation, which may quote a long string

[[noreturn]] void refuse(std::string message, Status status = Status::format) {
  throw Error(status, std::move(message));
}

// a pointer that tells where it is: the handler learns the offset of an event from it
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** last;

  reference operator*() const { return *at; }
  Cursor& operator++() {
    *last = ++at;
    return *this;
  }
  Cursor operator++(int) {
    const auto before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at == other.at; }
  bool operator!=(const Cursor& other) const { return at != other.at; }
};

// nlohmann's SAX interface: each method returns true to go on; failing is by Error
class Handler {
 public:
  Handler(const JsonLimits& bounds, JsonEvents& events) : bounds_(bounds), events_(events) {}

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(int64_t value) { return scalar(value); }
  bool number_unsigned(uint64_t value) { return scalar(value); }
  bool number_float(double value, const std::string& digits) {
    check_digits(digits);
    if (digits.find_first_of(".eE") == std::string::npos)
      refuse(cat("the integer ", clip_utf8(digits, 40), " does not fit 64 bits"));
    return scalar(value);
  }
  bool string(std::string& value) {
    check_length(value);
    return scalar(std::move(value));
  }
  bool binary(nlohmann::json::binary_t&) { refuse("binary values are not JSON"); }
  bool start_object(size_t) {
    descend();
    events_.begin_object();
    return true;
  }
  bool key(std::string& name) {
    check_length(name);
    events_.key(name);
    return true;
  }
  bool end_object() {
    --depth_;
    events_.end_object();
    return true;
  }
  bool start_array(size_t) {
    descend();
    events_.begin_array();
    return true;
  }
  bool end_array() {
    --depth_;
    events_.end_array();
    return true;
  }
  bool parse_error(size_t, const std::string& token, const nlohmann::detail::exception& error) {
    if (error.id == 406) {
      check_digits(token);
      refuse(cat("the number ", printable(token, 40), " does not fit a double"));
    }
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing …"
    std::string_view reason = error.what();
    const auto column = reason.find("column ");
    const auto colon = column == reason.npos ? reason.npos : reason.find(": ", column);
    if (colon != reason.npos) reason.remove_prefix(colon + 2);
    const auto clipped = clip_utf8(reason, kReasonBytes);  // "last read" may end within a character
    refuse(repaired_utf8(clipped) + (clipped.size() < reason.size() ? "…" : ""));
  }

 private:
  bool scalar(Json&& value) {
    events_.value(std::move(value));
    return true;
  }
  void descend() {
    if (++depth_ > bounds_.max_depth)
      refuse(cat("values are nested deeper than ", bounds_.max_depth, " levels"), Status::limit);
  }
  void check_length(const std::string& text) const {
    if (static_cast<int64_t>(text.size()) > limits::kJsonStringBytes)
      refuse(cat("a string of ", text.size(), " bytes, at most ", limits::kJsonStringBytes), Status::limit);
  }
  void check_digits(const std::string& digits) const {
    if (static_cast<int64_t>(digits.size()) > limits::kJsonNumberBytes)
      refuse(cat("a number of ", digits.size(), " characters, at most ", limits::kJsonNumberBytes), Status::limit);
  }

  const JsonLimits& bounds_;
  JsonEvents& events_;
  int64_t depth_ = 0;
};

void check_bytes(std::string_view text, std::string_view where, const JsonLimits& bounds) {
  if (static_cast<int64_t>(text.size()) > bounds.max_bytes)
    refuse(cat(where, ": ", text.size(), " bytes of JSON, at most ", bounds.max_bytes), Status::limit);
  if (text.substr(0, 3) == "\xEF\xBB\xBF") refuse(cat(where, ": begins with a byte-order mark"));
  size_t bad = 0;
  if (!valid_utf8(text, &bad)) refuse(cat(where, ": byte ", bad + 1, ": not UTF-8"));
  const auto nul = text.find('\0');  // the scanner would take it for the end
  if (nul != text.npos) refuse(cat(where, ": byte ", nul + 1, ": a NUL byte"));
}

}  // namespace

void JsonTree::begin_object() {
  open_.push_back(&place(Json::object()));
  keys_.emplace_back();
}

void JsonTree::end_object() {
  open_.pop_back();
  keys_.pop_back();
}

void JsonTree::begin_array() { open_.push_back(&place(Json::array())); }
void JsonTree::end_array() { open_.pop_back(); }
void JsonTree::value(Json&& scalar) { place(std::move(scalar)); }

void JsonTree::key(std::string& name) {
  if (!keys_.back().insert(name).second) refuse(cat("the key \"", printable(name), "\" stands twice in one object"));
  slot_ = &open_.back()->add(std::move(name), nullptr);
}

Json& JsonTree::place(Json&& value) {
  if (open_.empty()) return root = std::move(value);
  if (open_.back()->is_array()) return open_.back()->push_back(std::move(value));
  return *slot_ = std::move(value);
}

void scan_json(std::string_view text, std::string_view where, const JsonLimits& bounds, JsonEvents& events) {
  check_bytes(text, where, bounds);
  const char* last = text.data();
  const Cursor begin{text.data(), &last}, end{text.data() + text.size(), &last};
  Handler handler(bounds, events);
  try {
    nlohmann::json::sax_parse(begin, end, &handler);
  } catch (const Error& error) {
    throw Error(error.status(), cat(where, ": byte ", last - text.data(), ": ", error.message()));
  }
}

Json parse_json(std::string_view text, std::string_view where, const JsonLimits& bounds) {
  JsonTree tree;
  scan_json(text, where, bounds, tree);
  return std::move(tree.root);
}

}  // namespace llava::core
