/** @file session.hpp Dialogues. */
#ifndef LLAVA_HPP_SESSION_HPP
#define LLAVA_HPP_SESSION_HPP

#include "base.hpp"
#include "chat.hpp"
#include "message.hpp"
#include "model.hpp"

namespace llava {
inline namespace abi1 {

/** How a session behaves; see llava_session_options. Since 0.1. */
struct SessionOptions {
  bool has_system = false;                 /**< whether `system` holds */
  std::string system;                      /**< system prompt instead of the template's own */
  std::string template_name;               /**< "": the model's; "none": parts as they are */
  int64_t max_context = 0;                 /**< 0: the model's */
  std::optional<std::string> adapter = {}; /**< a LoRA's name; "": none; nothing: the attached one */
  float adapter_scale = 1;                 /**< of the adapter that is named */

  /** The C form; valid while this struct lives. Throws for a NUL inside a text. */
  llava_session_options c() const {
    llava_session_options options;
    detail::check(llava_session_options_init(&options, sizeof options));
    options.system = has_system ? detail::c_text(system, "system") : nullptr;
    options.template_name = detail::or_null(template_name, "template_name");
    options.max_context = max_context;
    options.adapter = detail::or_null(adapter, "adapter");
    options.adapter_scale = adapter_scale;
    return options;
  }
};

/** How full a session is. */
struct SessionTokens {
  int64_t used;  /**< positions held */
  int64_t limit; /**< positions it may hold */
};

/** A dialogue. One operation at a time. Since 0.1. */
class Session : public detail::Handle<llava_session, llava_session_retain, llava_session_free> {
 public:
  Session() = default;
  /** Starts a dialogue. */
  explicit Session(const Model& model, const SessionOptions& options = {}) {
    const auto c = options.c();
    detail::check(llava_session_create(model.get(), &c, &handle_));
  }
  /** Starts with a dialogue from elsewhere: a JSON list of messages in OpenAI's shape. */
  static Session from_json(const Model& model, const std::string& json, const SessionOptions& options = {}) {
    Session session;
    const auto c = options.c();
    detail::check(llava_session_from_json(model.get(), detail::c_text(json, "json"), &c, &session.handle_));
    return session;
  }
  /** Opens what save() wrote. */
  static Session load(const Model& model, const std::string& path) {
    Session session;
    detail::check(llava_session_load(model.get(), detail::c_text(path, "path"), &session.handle_));
    return session;
  }

  /** Asks and waits for the whole answer. */
  Response chat(const Message& message, const ChatOptions& options = {}) { return ask(message.get(), options); }
  /** Asks in words. */
  Response chat(std::string_view text, const ChatOptions& options = {}) { return chat(user(text), options); }
  /** Asks about a picture. */
  Response chat(const Image& image, std::string_view text, const ChatOptions& options = {}) {
    return chat(user(image, text), options);
  }
  /** Answers what append() or append_ids() added last. */
  Response answer(const ChatOptions& options = {}) { return ask(nullptr, options); }

  /** Begins an answer that is pulled event by event. */
  Stream stream(const Message& message, const ChatOptions& options = {}) { return start(message.get(), options); }
  /** Begins an answer to words. */
  Stream stream(std::string_view text, const ChatOptions& options = {}) { return stream(user(text), options); }
  /** Begins an answer to what was added last. */
  Stream stream_answer(const ChatOptions& options = {}) { return start(nullptr, options); }

  /** Adds a message and computes it, without an answer. */
  void append(const Message& message, const Cancel& cancel = {}) {
    detail::check(llava_session_append(handle_, message.get(), cancel.get()));
  }
  /** Adds raw token ids as one turn; LLAVA_IMAGE_TOKEN marks the places of `embeddings`. */
  void append_ids(View<int32_t> ids, View<Embedding> embeddings = {}, const Cancel& cancel = {}) {
    std::vector<const llava_embedding*> handles;
    for (const auto& embedding : embeddings) handles.push_back(embedding.get());
    detail::check(llava_session_append_ids(handle_, ids.data(), static_cast<int64_t>(ids.size()), handles.data(),
                                           static_cast<int32_t>(handles.size()), cancel.get()));
  }

  void reset() { detail::check(llava_session_reset(handle_)); }                       /**< forgets the dialogue */
  void rewind(int32_t turns) { detail::check(llava_session_rewind(handle_, turns)); } /**< keeps the first turns */
  /** A second session with the same past. */
  Session fork() const {
    Session copy;
    detail::check(llava_session_fork(handle_, &copy.handle_));
    return copy;
  }
  /** Questions and answers, one each. */
  int32_t turn_count() const {
    const auto count = llava_session_turn_count(handle_);
    if (count < 0) detail::throw_last(llava_last_error_status());
    return count;
  }
  /** How full it is. */
  SessionTokens tokens() const {
    SessionTokens tokens = {};
    detail::check(llava_session_tokens(handle_, &tokens.used, &tokens.limit));
    return tokens;
  }
  /** A turn as a message. */
  Message turn(int32_t index) const {
    llava_message* message = nullptr;
    detail::check(llava_session_turn(handle_, index, &message));
    return Message::adopt(message);
  }
  /** What the session has done and holds. */
  llava_session_usage stats() const {
    llava_session_usage usage = {};
    usage.struct_size = sizeof usage;
    detail::check(llava_session_stats(handle_, &usage));
    return usage;
  }
  /** The dialogue as JSON. */
  std::string history_json() const {
    llava_string* text = nullptr;
    detail::check(llava_session_history_json(handle_, &text));
    return detail::take(text);
  }
  /** Writes the dialogue to a file. */
  void save(const std::string& path) const { detail::check(llava_session_save(handle_, detail::c_text(path, "path"))); }

 private:
  Response ask(const llava_message* message, const ChatOptions& options) {
    detail::CChatOptions c(options, true);
    llava_response* response = nullptr;
    detail::check(llava_chat(handle_, message, &c.c, &response), c.thrown);
    return Response::adopt(response);
  }
  Stream start(const llava_message* message, const ChatOptions& options) {
    detail::CChatOptions c(options, false);
    llava_stream* stream = nullptr;
    detail::check(llava_chat_start(handle_, message, &c.c, &stream));
    return Stream::adopt(stream);
  }
};

/** One question about one picture, without a session to keep. */
inline Response ask(const Model& model, const Image& image, const std::string& text) {
  llava_response* response = nullptr;
  detail::check(llava_ask(model.get(), image.get(), detail::c_text(text, "text"), &response));
  return Response::adopt(response);
}

}  // namespace abi1
}  // namespace llava

#endif
