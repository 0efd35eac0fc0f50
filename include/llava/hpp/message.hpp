/** @file message.hpp Turns of a dialogue. */
#ifndef LLAVA_HPP_MESSAGE_HPP
#define LLAVA_HPP_MESSAGE_HPP

#include "base.hpp"
#include "image.hpp"
#include "tensor.hpp"

namespace llava {
inline namespace abi1 {

/** Who speaks. */
enum class Role : int32_t { system = 0, user = 1, assistant = 2 };

/** A turn: texts and pictures in any order. Since 0.1. */
class Message : public detail::Handle<llava_message, llava_message_retain, llava_message_free> {
 public:
  Message() = default;
  /** An empty message. */
  explicit Message(Role role) { detail::check(llava_message_create(static_cast<int32_t>(role), &handle_)); }
  /** Reads OpenAI's JSON shape; see llava_message_from_json(). */
  static Message from_json(const std::string& json) {
    Message message;
    detail::check(llava_message_from_json(detail::c_text(json, "json"), &message.handle_));
    return message;
  }
  /** Takes over a handle of the C interface. */
  static Message adopt(llava_message* handle) {
    Message message;
    message.handle_ = handle;
    return message;
  }

  /** Adds a text. */
  Message& add(std::string_view text) {
    detail::check(llava_message_add_text_n(handle_, text.data(), text.size()));
    return *this;
  }
  /** Adds a picture. */
  Message& add(const Image& image) {
    detail::check(llava_message_add_image(handle_, image.get()));
    return *this;
  }
  /** Adds an encoded picture. */
  Message& add(const Embedding& embedding) {
    detail::check(llava_message_add_embedding(handle_, embedding.get()));
    return *this;
  }
  /** Removes all parts. */
  void clear() { detail::check(llava_message_clear(handle_)); }

  Role role() const { return static_cast<Role>(llava_message_role(handle_)); } /**< who speaks */
  int32_t part_count() const { return llava_message_part_count(handle_); }     /**< how many parts */
  /** The text of a part; "" for a picture. Valid until the message changes. */
  std::string_view text(int32_t part) const {
    std::size_t size = 0;
    const char* text = llava_message_text(handle_, part, &size);
    return std::string_view(text, size);
  }
  /** All texts, joined. */
  std::string text() const {
    std::string all;
    for (int32_t i = 0; i < part_count(); ++i) all += text(i);
    return all;
  }
  /** The picture of a part; empty for another kind. */
  Image image(int32_t part) const {
    llava_image* image = nullptr;
    detail::check(llava_message_image(handle_, part, &image));
    return Image::adopt(image);
  }
  /** OpenAI's JSON shape. */
  std::string to_json() const {
    llava_string* text = nullptr;
    detail::check(llava_message_to_json(handle_, &text));
    return detail::take(text);
  }
};

/** A message of the user: user(Image("cat.jpg"), "What is this?"). */
template <typename... Parts>
Message user(const Parts&... parts) {
  Message message(Role::user);
  ((void)message.add(parts), ...);
  return message;
}

/** A message of the model, to put an earlier dialogue back. */
inline Message assistant(std::string_view text) { return std::move(Message(Role::assistant).add(text)); }

/** An instruction before the dialogue. */
inline Message system(std::string_view text) { return std::move(Message(Role::system).add(text)); }

namespace detail {
inline std::vector<const llava_message*> handles(View<Message> messages) {
  std::vector<const llava_message*> all;
  for (const auto& message : messages) all.push_back(message.get());
  return all;
}
}  // namespace detail

}  // namespace abi1
}  // namespace llava

#endif
