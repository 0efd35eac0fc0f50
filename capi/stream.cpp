// include/llava/chat.h: answers pulled event by event. All work happens on the thread that pulls.
#include <llava/chat.h>

#include "adapter_choice.hpp"
#include "arguments.hpp"
#include "chat_options.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;

namespace {

// A cancel asked for while the caller's own token is the one the core looks at.
void cancel_between_pieces(StreamObject& stream) {
  if (!stream.cancel_asked.load() || !stream.users_cancel.token() || stream.ended_by) return;
  if (stream.keep_on_cancel && stream.generation->tokens() > 0) return stream.generation->stop();
  stream.generation.reset();  // the session is as before
  stream.ended_by = std::make_exception_ptr(Error(Status::cancelled, "cancelled by llava_stream_cancel()"));
}

void keep_failure(StreamObject& stream, const char* function) noexcept {
  try {
    const std::lock_guard lock(stream.failure_mutex);
    if (stream.failure.status) return;
    stream.failure = last_failure();
    stream.failure.function = function;
  } catch (...) {  // the status is still on its way to the caller
  }
}

// Runs `work` as the one thread that pulls; what it throws stays with the stream.
template <typename Work>
auto pulling(StreamObject& stream, const char* function, Work&& work) {
  const std::unique_lock lock(stream.working, std::try_to_lock);
  if (!lock) throw Error(Status::busy, "the stream is pulled by another thread");
  if (stream.handed_out) throw Error(Status::state, "the answer was handed out by llava_stream_finish()");
  try {
    cancel_between_pieces(stream);
    if (stream.ended_by) std::rethrow_exception(stream.ended_by);
    return work();
  } catch (...) {
    report_failure(function);
    keep_failure(stream, function);
    throw;
  }
}

}  // namespace

llava_status llava_chat_start(llava_session* session, const llava_message* message, const llava_chat_options* options,
                              llava_stream** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(session, "session");
    const auto settings = read_options(options);
    if (settings.event) throw Error(Status::argument, "options.event is set, expected NULL: a stream is pulled");
    const auto bundle = chosen_bundle(*object, settings.adapter, settings.adapter_scale);
    auto chosen = chat_options(settings, *bundle);
    chosen.model = bundle;
    CancelUse use(settings.cancel);
    use.cancel().poll("chat");
    const auto stream = std::make_shared<StreamObject>(object, std::move(use), chosen.keep_on_cancel);
    chosen.cancel = stream->users_cancel.token() ? stream->users_cancel.token() : &stream->own_cancel;
    stream->generation = object->session->start(question(message, *bundle), chosen);
    *out = wrap<llava_stream>(stream);
  });
}

llava_status llava_stream_next(llava_stream* stream, int64_t timeout_ms, llava_event** event) {
  return guarded(cleared(event), [&] {
    const Operation running;
    required(event, "event");
    if (timeout_ms < -1) throw Error(Status::argument, cat("timeout_ms is ", timeout_ms, ", expected -1 or more"));
    const auto object = get(stream, "stream");
    const int64_t deadline_ns = llava::core::deadline_after_ms(timeout_ms);
    return pulling(*object, "llava_stream_next", [&]() -> llava_status {
      while (!object->generation->step()) {
        cancel_between_pieces(*object);
        if (object->ended_by) std::rethrow_exception(object->ended_by);
        if (deadline_ns && llava::core::now_ns() >= deadline_ns) return LLAVA_WOULD_BLOCK;
      }
      auto next = object->generation->next();
      if (!next) return LLAVA_END;
      *event = wrap<llava_event>(std::make_shared<EventObject>(std::move(*next)));
      return LLAVA_OK;
    });
  });
}

llava_status llava_stream_cancel(llava_stream* stream) {
  return guarded({}, [&] {
    const auto object = get(stream, "stream");
    object->own_cancel.cancel();
    object->cancel_asked.store(true);
  });
}

llava_status llava_stream_finish(llava_stream* stream, llava_response** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(stream, "stream");
    pulling(*object, "llava_stream_finish", [&] {
      while (object->generation->next()) {
        cancel_between_pieces(*object);
        if (object->ended_by) std::rethrow_exception(object->ended_by);
      }
      auto response = std::make_shared<ResponseObject>(object->session->model, object->generation->finish());
      *out = wrap<llava_response>(std::move(response));
      object->handed_out = true;
    });
  });
}

llava_status llava_stream_error(const llava_stream* stream, llava_status* code, llava_string** out) {
  return guarded(cleared(code, out), [&] {
    required(code, "code");
    required(out, "out");
    const auto object = get(stream, "stream");
    const std::lock_guard lock(object->failure_mutex);
    *out = new_string(failure_json(object->failure));
    *code = object->failure.status;
  });
}

LLAVA_COUNTED(stream)

int32_t llava_event_type(const llava_event* event) {
  return guarded_value(-1, [&] { return static_cast<int32_t>(get(event, "event")->event.kind); });
}

const char* llava_event_text(const llava_event* event, size_t* size) {
  cleared(size);
  return guarded_value("", [&] {
    const auto object = get(event, "event");
    if (size) *size = object->event.text.size();
    return object->event.text.c_str();
  });
}

int32_t llava_event_token(const llava_event* event) {
  return guarded_value(-1, [&] { return get(event, "event")->event.id; });
}

double llava_event_logprob(const llava_event* event) {
  return guarded_value(0.0, [&] { return static_cast<double>(get(event, "event")->event.logprob); });
}

double llava_event_progress(const llava_event* event) {
  return guarded_value(0.0, [&] { return get(event, "event")->event.progress; });
}

int64_t llava_event_index(const llava_event* event) {
  return guarded_value(int64_t{-1}, [&] {
    const auto object = get(event, "event");
    using Kind = llava::core::Event::Kind;
    const auto kind = object->event.kind;
    return kind == Kind::prefill || kind == Kind::done ? -1 : object->event.index;
  });
}

LLAVA_COUNTED(event)
