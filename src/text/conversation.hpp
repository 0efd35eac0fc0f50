// A conversation as plain values: who says what, in parts. Text is only ever text; an image stands where an image part
// stands, and nowhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace llava::core {

enum class Role : int32_t { system = 0, user = 1, assistant = 2 };

struct Part {
  enum class Kind { text, image, ids };

  Kind kind = Kind::text;
  std::string text;          // of Kind::text: UTF-8, taken literally
  std::vector<int64_t> ids;  // of Kind::ids: raw token ids; kImageToken marks an image place

  static Part words(std::string text) { return {Kind::text, std::move(text), {}}; }
  static Part image() { return {Kind::image, {}, {}}; }
  static Part raw(std::vector<int64_t> ids) { return {Kind::ids, {}, std::move(ids)}; }
};

struct Message {
  Role role = Role::user;
  std::vector<Part> parts;
};

struct Conversation {
  std::optional<std::string> system;  // nullopt: the template's own; "": none
  std::vector<Message> messages;      // user and assistant in turn, user first; a system message may open them
};

}  // namespace llava::core
