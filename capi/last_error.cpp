// The thread-local record.
#include "last_error.hpp"

#include <algorithm>
#include <cstring>

#include "base/limits.hpp"
#include "text/utf8.hpp"

namespace llava::capi {
namespace {

constexpr size_t kTextBytes = core::limits::kErrorTextBytes;
constexpr size_t kDetailBytes = 1024;

struct Record {
  int32_t status = 0;
  uint32_t message_begin = 0;  // where the message starts in text, after "function: "
  const char* function = "";
  char text[kTextBytes] = "";
  char details[kDetailBytes] = "";
};

thread_local Record record;

// The longest beginning of `text` that fits `size` bytes and does not end inside a character.
std::string_view cut(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

// Copies text, with '?' for what is no UTF-8 (a path may be anything); returns the number of bytes.
size_t put(char* to, size_t room, std::string_view text) {
  text = cut(text, room);
  size_t written = 0;
  while (!text.empty()) {
    const int length = core::utf8_length(text);
    const size_t step = length > 0 ? static_cast<size_t>(length) : 1;
    if (length > 0 && text[0] != '\0')
      std::memcpy(to + written, text.data(), step);
    else
      to[written] = '?';
    written += length > 0 && text[0] != '\0' ? step : 1;
    text.remove_prefix(step);
  }
  return written;
}

}  // namespace

void set_last_error(core::Status status, const char* function, std::string_view message,
                    const std::vector<core::ErrorDetail>& details) noexcept {
  record.status = static_cast<int32_t>(status);
  record.function = function;
  size_t at = put(record.text, kTextBytes - 1, function);
  at += put(record.text + at, kTextBytes - 1 - at, ": ");
  record.message_begin = static_cast<uint32_t>(at);
  at += put(record.text + at, kTextBytes - 1 - at, message);
  record.text[at] = '\0';
  size_t end = 0;
  for (const auto& [name, value] : details) {
    if (end + name.size() + value.size() + 6 > kDetailBytes) break;
    if (end) record.details[end++] = ',';
    record.details[end++] = '"';
    end = static_cast<size_t>(std::copy(name.begin(), name.end(), record.details + end) - record.details);
    record.details[end++] = '"';
    record.details[end++] = ':';
    end = static_cast<size_t>(std::copy(value.begin(), value.end(), record.details + end) - record.details);
  }
  record.details[end] = '\0';
}

void clear_last_error() noexcept { record = Record(); }
int32_t last_error_status() noexcept { return record.status; }
const char* last_error_text() noexcept { return record.text; }

Failure last_failure() {
  if (!record.status) return {};
  return {record.status, record.function, record.text + record.message_begin, record.details};
}

std::string failure_json(const Failure& failure) {
  if (!failure.status) return "{}";
  return core::cat("{\"code\":", failure.status, ",\"name\":", json_quoted(core::status_name(failure.status)),
                   ",\"message\":", json_quoted(failure.message), ",\"function\":", json_quoted(failure.function),
                   ",\"details\":{", failure.details, "}}");
}

}  // namespace llava::capi
