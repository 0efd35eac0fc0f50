// Pictures inside text: `data:image/png;base64,iVBOR…`, as web pages and chat servers send them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/limits.hpp"

namespace llava::core {

/// The bytes of a base64 data URI (RFC 2397, RFC 4648 section 4). Strict: no blanks, right padding, no stray bits in
/// the last group. The declared media type is ignored; decode_picture() looks at the bytes.
///
/// Throws Error: unsupported for http:, https:, file: and other addresses (nothing is ever fetched) and for data that
/// is not base64; format for bad base64 or a missing comma; limit for more than max_bytes, before decoding.
std::vector<uint8_t> decode_data_uri(std::string_view uri, int64_t max_bytes = limits::kPictureBytes);

}  // namespace llava::core
