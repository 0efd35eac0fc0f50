// include/llava/session.h
#include <llava/session.h>

#include "adapter_choice.hpp"
#include "arguments.hpp"
#include "base/limits.hpp"
#include "message_json.hpp"
#include "options_calls.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Session;
using llava::core::Status;

namespace {

llava::core::SessionOptions session_options(const ModelObject& model, const llava_session_options* given) {
  const auto settings = read_options(given);
  llava::core::SessionOptions options;
  if (settings.system) options.system = settings.system;
  if (settings.template_name) options.template_name = settings.template_name;
  options.max_context = settings.max_context;
  options.current = session_choice(model, settings.adapter, settings.adapter_scale);
  return options;
}

llava_session* new_session(std::shared_ptr<ModelObject> model, std::shared_ptr<Session> session,
                           CurrentBundle current) {
  return wrap<llava_session>(std::make_shared<SessionObject>(std::move(model), std::move(session), std::move(current)));
}

// A turn as the caller's message. Pictures of a past turn are encoded already.
std::shared_ptr<MessageObject> message_of(const llava::core::Turn& turn) {
  auto message = std::make_shared<MessageObject>(static_cast<int32_t>(turn.role));
  for (const auto& part : turn.parts) {
    using Kind = llava::core::TurnPart::Kind;
    if (part.kind == Kind::ids) throw Error(Status::unsupported, "the turn consists of raw ids");
    MessagePart to;
    to.text = part.text;
    if (part.kind == Kind::embedding)
      to.embedding = std::make_shared<EmbeddingObject>(part.embedding, LLAVA_ENCODE_PROJECTED);
    if (part.kind == Kind::picture) to.image = std::make_shared<ImageObject>(part.picture);
    message->parts.push_back(std::move(to));
  }
  return message;
}

void append(SessionObject& object, llava::core::Turn turn, llava_cancel* cancel) {
  const CancelUse use(cancel);
  use.cancel().poll("append");
  object.session->append(std::move(turn), use.token(), -1);
}

}  // namespace

LLAVA_OPTIONS(session)

llava_status llava_session_create(llava_model* model, const llava_session_options* options, llava_session** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(model, "model");
    const auto settings = session_options(*object, options);
    *out = new_session(object, Session::create(object->bundle, settings), settings.current);
  });
}

llava_status llava_session_reset(llava_session* session) {
  return guarded({}, [&] { get(session, "session")->session->reset(); });
}

llava_status llava_session_append(llava_session* session, const llava_message* message, llava_cancel* cancel) {
  return guarded({}, [&] {
    const Operation running;
    const auto object = get(session, "session");
    const auto words = get(message, "message");
    if (words->role == LLAVA_ROLE_SYSTEM)
      throw Error(Status::argument,
                  "message has the role system, expected user or assistant; the system prompt is an "
                  "option of the session");
    append(*object, turn_of(*words, *object->current()), cancel);
  });
}

llava_status llava_session_append_ids(llava_session* session, const int32_t* ids, int64_t id_count,
                                      const llava_embedding* const* embeddings, int32_t embedding_count,
                                      llava_cancel* cancel) {
  return guarded({}, [&] {
    const Operation running;
    const auto object = get(session, "session");
    auto prompt = raw_prompt(*object->current(), ids, id_count, embeddings, embedding_count);
    llava::core::TurnPart part;
    part.kind = llava::core::TurnPart::Kind::ids;
    part.ids = std::move(prompt.ids);
    part.embeddings = std::move(prompt.embeddings);
    llava::core::Turn turn;
    turn.parts.push_back(std::move(part));
    append(*object, std::move(turn), cancel);
  });
}

llava_status llava_session_fork(const llava_session* session, llava_session** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(session, "session");
    *out = new_session(object->model, object->session->fork(), object->current);
  });
}

llava_status llava_session_rewind(llava_session* session, int32_t turns) {
  return guarded({}, [&] {
    const auto object = get(session, "session");
    check_range(turns, 0, object->session->turn_count(), "turns");
    object->session->rewind(turns);
  });
}

int32_t llava_session_turn_count(const llava_session* session) {
  return guarded_value(-1, [&] { return static_cast<int32_t>(get(session, "session")->session->turn_count()); });
}

llava_status llava_session_turn(const llava_session* session, int32_t turn, llava_message** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(session, "session");
    check_index(turn, object->session->turn_count(), "turn");
    *out = wrap<llava_message>(message_of(object->session->turn(turn)));
  });
}

llava_status llava_session_tokens(const llava_session* session, int64_t* used, int64_t* limit) {
  return guarded(cleared(used, limit), [&] {
    required(used, "used");
    required(limit, "limit");
    const auto object = get(session, "session");
    *used = object->session->used_tokens();
    *limit = object->session->context();
  });
}

llava_status llava_session_stats(const llava_session* session, llava_session_usage* out) {
  return guarded({}, [&] {
    const auto object = get(session, "session");
    const auto stats = object->session->stats();
    llava_session_usage usage = {};
    usage.turns = static_cast<int32_t>(stats.turns);
    usage.tokens = stats.tokens_held;
    usage.limit = object->session->context();
    usage.tokens_computed = stats.tokens_computed;
    usage.images_encoded = stats.images_encoded;
    usage.image_hits = stats.image_hits;
    usage.cache_bytes = stats.cache_bytes;
    fill_struct(out, usage, "llava_session_usage");
  });
}

llava_status llava_session_history_json(const llava_session* session, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    *out = new_string(get(session, "session")->session->history_json());
  });
}

llava_status llava_session_from_json(llava_model* model, const char* json, const llava_session_options* options,
                                     llava_session** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(model, "model");
    auto settings = session_options(*object, options);
    const auto bundle = settings.current();
    std::vector<llava::core::Turn> turns;
    for (const auto& message : messages_from_json(text_argument(json, "json", kMessageJsonBytes))) {
      auto turn = turn_of(*message, *bundle);
      if (turn.role != llava::core::Role::system) {
        turns.push_back(std::move(turn));
        continue;
      }
      if (!turns.empty())
        throw Error(Status::argument, cat("json[", turns.size(), "] has the role system, expected it first"));
      settings.system.emplace();
      for (const auto& part : turn.parts) *settings.system += part.text;
    }
    auto session = Session::create(object->bundle, settings);
    session->set_turns(std::move(turns));
    *out = new_session(object, std::move(session), settings.current);
  });
}

llava_status llava_session_save(const llava_session* session, const char* path) {
  return guarded({}, [&] {
    const Operation running;
    const auto object = get(session, "session");
    object->session->save(path_argument(path, "path"));
  });
}

llava_status llava_session_load(llava_model* model, const char* path, llava_session** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(model, "model");
    const auto current = session_choice(*object, nullptr, 1);
    *out = new_session(object, Session::load(object->bundle, path_argument(path, "path"), current), current);
  });
}

LLAVA_COUNTED(session)
