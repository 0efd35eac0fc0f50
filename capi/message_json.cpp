// Messages to and from JSON.
#include "message_json.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "image/data_uri.hpp"
#include "image/decode.hpp"
#include "image_files.hpp"
#include "last_error.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Json;
using core::Status;
namespace limits = core::limits;

namespace {

constexpr std::string_view kRoles[] = {"system", "user", "assistant"};

[[noreturn]] void refuse(const std::string& where, const std::string& expected) {
  throw Error(Status::argument, cat(where, ", expected ", expected));
}

// The value of a key that must be there.
const Json& member(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) refuse(cat(where, " is no object"), cat("an object with \"", key, "\""));
  const auto* const found = object.find(key);
  if (!found) refuse(cat(where, " lacks the key \"", key, "\""), "it");
  return *found;
}

const std::string& text_member(const Json& object, const char* key, const std::string& where) {
  const auto& value = member(object, key, where);
  if (!value.is_string()) refuse(cat(where, ": key \"", key, "\" is no text"), "a text");
  return value.string();
}

void only_keys(const Json& object, std::initializer_list<std::string_view> known, const std::string& where) {
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(cat(where, " has the unknown key \"", key, "\""), "none");
}

int32_t role_number(const std::string& name, const std::string& where) {
  for (size_t i = 0; i < std::size(kRoles); ++i)
    if (name == kRoles[i]) return static_cast<int32_t>(i);
  refuse(cat(where, ": key \"role\" is \"", name.substr(0, 40), "\""), "system, user or assistant");
}

MessagePart text_part(const std::string& text) {
  if (static_cast<int64_t>(text.size()) > limits::kTextPartBytes)
    throw Error(Status::limit, cat("a text of ", text.size(), " bytes, at most ", limits::kTextPartBytes));
  return {text, nullptr, nullptr};
}

MessagePart picture_part(const Json& part, const std::string& where) {
  const auto& address = member(part, "image_url", where);
  const std::string& uri = address.is_string() ? address.string() : text_member(address, "url", where);
  if (address.is_object()) only_keys(address, {"url", "detail"}, where);
  if (!uri.starts_with("data:"))
    throw Error(Status::unsupported, cat(where, ": the picture is no data URI; nothing is fetched or opened"));
  const auto bytes = core::decode_data_uri(uri);
  return {"", std::make_shared<ImageObject>(core::decode_picture(bytes, where)), nullptr};
}

MessagePart part_of(const Json& part, const std::string& where) {
  const auto& type = text_member(part, "type", where);
  if (type == "text") {
    only_keys(part, {"type", "text"}, where);
    return text_part(text_member(part, "text", where));
  }
  if (type == "image_url") {
    only_keys(part, {"type", "image_url"}, where);
    return picture_part(part, where);
  }
  if (type == "image")
    throw Error(Status::not_found, cat(where, ": a picture that is named by its hash alone is not there"));
  refuse(cat(where, ": key \"type\" is \"", type.substr(0, 40), "\""), "text or image_url");
}

std::shared_ptr<MessageObject> message_of(const Json& json, const std::string& where) {
  const auto message = std::make_shared<MessageObject>(role_number(text_member(json, "role", where), where));
  only_keys(json, {"role", "content"}, where);
  const auto& content = member(json, "content", where);
  if (content.is_string()) {
    add_part(*message, text_part(content.string()));
    return message;
  }
  if (!content.is_array()) refuse(cat(where, ": key \"content\" is neither text nor list"), "one of them");
  for (size_t i = 0; i < content.size(); ++i)
    add_part(*message, part_of(content.at(i), cat(where, ".content[", i, "]")));
  return message;
}

core::JsonLimits message_limits() { return {kMessageJsonBytes, limits::kJsonDepth}; }

}  // namespace

std::shared_ptr<MessageObject> message_from_json(std::string_view text) {
  return message_of(core::parse_json(text, "json", message_limits()), "json");
}

std::vector<std::shared_ptr<MessageObject>> messages_from_json(std::string_view text) {
  const Json list = core::parse_json(text, "json", message_limits());
  if (!list.is_array()) refuse("json is no list", "a list of messages");
  std::vector<std::shared_ptr<MessageObject>> messages;
  for (const auto& item : list.elements()) messages.push_back(message_of(item, cat("json[", messages.size(), "]")));
  return messages;
}

std::string message_to_json(const MessageObject& message) {
  std::string parts;
  for (const auto& part : message.snapshot()) {
    if (!parts.empty()) parts += ',';
    if (part.image)
      parts += cat("{\"type\":\"image_url\",\"image_url\":{\"url\":\"", bmp_data_uri(*part.image->picture), "\"}}");
    else if (part.embedding)
      parts += cat("{\"type\":\"image\",\"hash\":\"", part.embedding->rows->picture, "\"}");
    else
      parts += cat("{\"type\":\"text\",\"text\":", json_quoted(part.text), "}");
  }
  return cat("{\"role\":\"", kRoles[message.role], "\",\"content\":[", parts, "]}");
}

}  // namespace llava::capi
