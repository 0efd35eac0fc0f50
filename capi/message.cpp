// include/llava/message.h: building a turn.
#include <llava/message.h>

#include <algorithm>

#include "arguments.hpp"
#include "base/limits.hpp"
#include "message_json.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;
namespace limits = llava::core::limits;

namespace llava::capi {

void add_part(MessageObject& message, MessagePart part) {
  const std::lock_guard lock(message.mutex);
  if (static_cast<int64_t>(message.parts.size()) >= limits::kPartsPerMessage)
    throw Error(Status::limit,
                cat("the message has ", message.parts.size(), " parts, at most ", limits::kPartsPerMessage));
  const auto is_picture = [](const MessagePart& p) { return p.image || p.embedding; };
  const auto pictures = std::ranges::count_if(message.parts, is_picture);
  if (is_picture(part) && pictures >= limits::kImagesPerMessage)
    throw Error(Status::limit, cat("the message has ", static_cast<long long>(pictures), " pictures, at most ",
                                   limits::kImagesPerMessage));
  message.parts.push_back(std::move(part));
}

}  // namespace llava::capi

llava_status llava_message_create(int32_t role, llava_message** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    check_range(role, LLAVA_ROLE_SYSTEM, LLAVA_ROLE_ASSISTANT, "role");
    *out = wrap<llava_message>(std::make_shared<MessageObject>(role));
  });
}

llava_status llava_message_add_text(llava_message* message, const char* text) {
  return guarded({}, [&] {
    const auto object = get(message, "message");
    add_part(*object, {std::string(text_argument(text, "text", limits::kTextPartBytes)), nullptr, nullptr});
  });
}

llava_status llava_message_add_text_n(llava_message* message, const char* text, size_t size) {
  return guarded({}, [&] {
    const auto object = get(message, "message");
    add_part(*object, {std::string(text_argument(text, size, "text", limits::kTextPartBytes)), nullptr, nullptr});
  });
}

llava_status llava_message_add_image(llava_message* message, const llava_image* image) {
  return guarded({}, [&] {
    const auto object = get(message, "message");
    add_part(*object, {"", get(image, "image"), nullptr});
  });
}

llava_status llava_message_add_embedding(llava_message* message, const llava_embedding* embedding) {
  return guarded({}, [&] {
    const auto object = get(message, "message");
    const auto rows = get(embedding, "embedding");
    if (rows->output != LLAVA_ENCODE_PROJECTED)
      throw Error(Status::argument, "embedding holds features before the projector, expected projected rows");
    add_part(*object, {"", nullptr, rows});
  });
}

llava_status llava_message_clear(llava_message* message) {
  return guarded({}, [&] {
    const auto object = get(message, "message");
    std::vector<MessagePart> parts;
    const std::lock_guard lock(object->mutex);
    object->parts.swap(parts);
  });
}

int32_t llava_message_role(const llava_message* message) {
  return guarded_value(-1, [&] { return get(message, "message")->role; });
}

int32_t llava_message_part_count(const llava_message* message) {
  return guarded_value(0, [&] {
    const auto object = get(message, "message");
    const std::lock_guard lock(object->mutex);
    return static_cast<int32_t>(object->parts.size());
  });
}

const char* llava_message_text(const llava_message* message, int32_t part, size_t* size) {
  cleared(size);
  return guarded_value("", [&] {
    const auto object = get(message, "message");
    const std::lock_guard lock(object->mutex);
    check_index(part, static_cast<int64_t>(object->parts.size()), "part");
    const auto& text = object->parts[static_cast<size_t>(part)].text;
    if (size) *size = text.size();
    return text.c_str();
  });
}

llava_status llava_message_image(const llava_message* message, int32_t part, llava_image** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto parts = get(message, "message")->snapshot();
    check_index(part, static_cast<int64_t>(parts.size()), "part");
    const auto& image = parts[static_cast<size_t>(part)].image;
    if (image) *out = wrap<llava_image>(image);
  });
}

llava_status llava_message_from_json(const char* json, llava_message** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto text = text_argument(json, "json", kMessageJsonBytes);
    *out = wrap<llava_message>(message_from_json(text));
  });
}

llava_status llava_message_to_json(const llava_message* message, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(message, "message");
    *out = new_string(message_to_json(*object));
  });
}

LLAVA_COUNTED(message)
