// include/llava/chat.h: a whole answer in one call.
#include <llava/chat.h>

#include "adapter_choice.hpp"
#include "arguments.hpp"
#include "base/limits.hpp"
#include "chat_options.hpp"
#include "options_calls.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Generation;
using llava::core::Response;
using llava::core::Status;

namespace llava::capi {

core::ChatOptions chat_options(const llava_chat_options& settings, const core::Bundle& bundle) {
  auto options = core::default_chat_options(bundle);
  auto& sampling = options.sampling;
  if (settings.max_tokens != -1) options.max_tokens = settings.max_tokens;
  options.min_tokens = settings.min_tokens;
  if (settings.temperature != -1) sampling.temperature = static_cast<double>(settings.temperature);
  if (settings.top_k != -1) sampling.top_k = settings.top_k;
  if (settings.top_p != -1) sampling.top_p = static_cast<double>(settings.top_p);
  sampling.min_p = static_cast<double>(settings.min_p);
  if (settings.repetition_penalty != -1) sampling.repetition_penalty = static_cast<double>(settings.repetition_penalty);
  sampling.seed = settings.seed;
  for (int32_t i = 0; i < settings.bias_count; ++i)
    sampling.logit_bias.emplace_back(settings.bias_ids[i], settings.bias_values[i]);
  sampling.forbidden.assign(settings.bad_ids, settings.bad_ids + settings.bad_id_count);
  options.stop_ids.assign(settings.stop_ids, settings.stop_ids + settings.stop_id_count);
  options.stop_strings.assign(settings.stop, settings.stop + settings.stop_count);
  options.include_stop = settings.include_stop != 0;
  options.ignore_eos = settings.ignore_eos != 0;
  options.top_logprobs = settings.logprobs;
  options.timeout_ms = settings.timeout_ms;
  options.keep_on_cancel = settings.on_cancel == LLAVA_CANCEL_KEEP;
  return options;
}

std::optional<core::Turn> question(const llava_message* message, const core::Bundle& bundle) {
  if (!message) return std::nullopt;
  const auto object = get(message, "message");
  if (object->role != LLAVA_ROLE_USER)
    throw Error(Status::argument,
                cat("message has the role ", object->role, ", expected ", LLAVA_ROLE_USER, " (user)"));
  auto turn = turn_of(*object, bundle);
  if (turn.parts.empty()) throw Error(Status::argument, "message is empty, expected a text or a picture");
  return turn;
}

}  // namespace llava::capi

namespace {

// Tells the callback one event; false when it has heard enough.
bool tell(const llava_chat_options& settings, llava::core::Event event) {
  llava_event* handle = wrap<llava_event>(std::make_shared<EventObject>(std::move(event)));
  const std::unique_ptr<llava_event, decltype(&llava_event_free)> owner(handle, &llava_event_free);
  const auto answer =
      ask_callback("event", LLAVA_EVENT_DISCARD, [&] { return settings.event(handle, settings.event_user_data); });
  if (answer == LLAVA_EVENT_DISCARD) throw Error(Status::cancelled, "the event callback discarded the answer");
  return answer == LLAVA_EVENT_CONTINUE;
}

// Pulls to the end. Question and answer become the session's in finish(): the session is held until the callback has
// answered to the last event, so that it can still refuse them.
Response run(Generation& generation, const llava_chat_options& settings) {
  while (auto event = generation.next())
    if (settings.event && !tell(settings, std::move(*event))) generation.stop();
  return generation.finish();
}

llava_response* answer(const std::shared_ptr<SessionObject>& object, std::shared_ptr<const llava::core::Bundle> bundle,
                       std::optional<llava::core::Turn> turn, const llava_chat_options& settings) {
  const CancelUse use(settings.cancel);
  auto options = chat_options(settings, *bundle);
  options.model = std::move(bundle);
  options.cancel = use.token();
  use.cancel().poll("chat");
  options.commit_at_done = false;
  const auto generation = object->session->start(std::move(turn), options);
  auto response = run(*generation, settings);
  return wrap<llava_response>(std::make_shared<ResponseObject>(object->model, std::move(response)));
}

}  // namespace

LLAVA_OPTIONS(chat)

llava_status llava_chat(llava_session* session, const llava_message* message, const llava_chat_options* options,
                        llava_response** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(session, "session");
    const auto settings = read_options(options);
    const auto bundle = chosen_bundle(*object, settings.adapter, settings.adapter_scale);
    *out = answer(object, bundle, question(message, *bundle), settings);
  });
}

llava_status llava_ask(llava_model* model, const llava_image* image, const char* text, llava_response** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto owner = get(model, "model");
    llava::core::Turn turn;
    if (image) {
      auto& part = turn.parts.emplace_back();
      part.kind = llava::core::TurnPart::Kind::picture;
      part.picture = get(image, "image")->picture;
    }
    turn.parts.emplace_back().text = text_argument(text, "text", llava::core::limits::kTextPartBytes);
    auto session = std::make_shared<SessionObject>(owner, llava::core::Session::create(owner->bundle, {}),
                                                   session_choice(*owner, nullptr, 1));
    *out = answer(session, session->current(), std::move(turn), read_options<llava_chat_options>(nullptr));
  });
}
