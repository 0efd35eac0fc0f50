// The few text functions of Python that the published preparation of data is written in; what counts as a blank, where a
// split falls decides ids and order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core::python {

/// str.strip(): without the Unicode blanks at both ends. Source: CPython 3.11, Objects/unicodetype_db.h,
/// _PyUnicode_IsWhitespace.
std::string_view strip(std::string_view text);

/// len(text.split()): runs of what is no blank.
int64_t count_words(std::string_view text);

/// text.split(separator) for a separator that is not empty.
std::vector<std::string_view> split(std::string_view text, std::string_view separator);

/// text.replace(old, with) for an `old` that is not empty.
std::string replace(std::string_view text, std::string_view old, std::string_view with);

}  // namespace llava::core::python
