// Messages in the JSON shape of OpenAI's chat interface.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "objects.hpp"

namespace llava::capi {

inline constexpr int64_t kMessageJsonBytes = 96 << 20;  // a 64 MiB picture as base64, and words

/// Adds a part. Throws Error(limit) for too many parts or pictures.
void add_part(MessageObject& message, MessagePart part);

/// Throws Error(format) for broken JSON and damaged pictures, Error(argument) for keys that are missing, unknown or of
/// the wrong type, Error(unsupported) for addresses that are no data URIs, Error(not_found) for pictures named by a
/// hash.
std::shared_ptr<MessageObject> message_from_json(std::string_view json);

/// A list of messages. Throws as message_from_json() does.
std::vector<std::shared_ptr<MessageObject>> messages_from_json(std::string_view json);

/// Pictures become BMP data URIs, which keep every pixel; an embedding is named by its picture's hash.
std::string message_to_json(const MessageObject& message);

}  // namespace llava::capi
