/** @file chat.hpp Options of an answer, events, streams, responses. */
#ifndef LLAVA_HPP_CHAT_HPP
#define LLAVA_HPP_CHAT_HPP

#include <iterator>

#include "base.hpp"
#include "message.hpp"

namespace llava {
inline namespace abi1 {

/** Kinds of events. */
enum class EventType : int32_t { image_encoded = 0, prefill = 1, text = 2, token = 3, done = 4 };

/** What an event callback answers. */
enum class Reply : int32_t { go_on = 0, stop = 1, discard = 2 };

/** Why an answer ended. */
enum class FinishReason : int32_t { stop = 0, stop_string = 1, length = 2, context = 3, cancelled = 4, timeout = 5 };

/** One thing that happened in a stream. Since 0.1. */
class Event : public detail::Handle<llava_event, llava_event_retain, llava_event_free> {
 public:
  Event() = default;
  /** Takes over a handle of the C interface. */
  static Event adopt(llava_event* handle) {
    Event event;
    event.handle_ = handle;
    return event;
  }
  EventType type() const { return static_cast<EventType>(llava_event_type(handle_)); } /**< what happened */
  /** Whole characters; lives as long as the event. */
  std::string_view text() const {
    std::size_t size = 0;
    const char* text = llava_event_text(handle_, &size);
    return std::string_view(text, size);
  }
  int32_t token() const { return llava_event_token(handle_); }      /**< id; -1 for none */
  double logprob() const { return llava_event_logprob(handle_); }   /**< of the token; NaN unless asked for */
  double progress() const { return llava_event_progress(handle_); } /**< 0 … 1 of encoding or reading */
  int64_t index() const { return llava_event_index(handle_); }      /**< which picture or token */
};

/** How an answer is made; see llava_chat_options. -1 means the model's own value. Since 0.1. */
struct ChatOptions {
  int32_t max_tokens = -1;                           /**< longest answer */
  int32_t min_tokens = 0;                            /**< no end before */
  float temperature = -1;                            /**< 0 is greedy */
  float top_p = -1;                                  /**< mass to draw from */
  float min_p = 0;                                   /**< least likelihood, relative to the best */
  int32_t top_k = -1;                                /**< 0: all */
  float repetition_penalty = -1;                     /**< 1: none */
  int64_t seed = -1;                                 /**< -1: a fresh one */
  std::vector<std::string> stop;                     /**< texts that end the answer */
  std::vector<int32_t> stop_ids;                     /**< ids that end the answer */
  std::vector<int32_t> bad_ids;                      /**< ids that are never drawn */
  std::vector<std::pair<int32_t, float>> logit_bias; /**< id and what is added to its logit */
  bool include_stop = false;                         /**< keep the stop string */
  bool ignore_eos = false;                           /**< the model's end marks do not end the answer */
  int32_t logprobs = -1;                             /**< -1 none, 0 of drawn tokens, n and of the n likeliest */
  bool keep_on_cancel = false;                       /**< keep what was said before a cancel or deadline */
  int64_t timeout_ms = -1;                           /**< deadline */
  Cancel cancel = {};                                /**< may be empty */
  std::function<Reply(const Event&)> on_event = {};  /**< for Session::chat() only; what it throws leaves chat() */
  std::optional<std::string> adapter = {};           /**< a LoRA's name; "": none; nothing: the session's */
  float adapter_scale = 1;                           /**< of the adapter that is named */
};

/** A finished answer. Since 0.1. */
class Response : public detail::Handle<llava_response, llava_response_retain, llava_response_free> {
 public:
  Response() = default;
  /** Takes over a handle of the C interface. */
  static Response adopt(llava_response* handle) {
    Response response;
    response.handle_ = handle;
    return response;
  }
  /** The words. */
  std::string text() const {
    std::size_t size = 0;
    const char* text = llava_response_text_n(handle_, 0, &size);
    return std::string(text, size);
  }
  /** Why it ended. */
  FinishReason finish_reason() const { return static_cast<FinishReason>(llava_response_finish_reason(handle_, 0)); }
  /** Its name as in JSON. */
  std::string finish_reason_name() const { return llava_finish_reason_name(llava_response_finish_reason(handle_, 0)); }
  /** Token ids as drawn. */
  std::vector<int32_t> tokens() const {
    return detail::copy_out<int32_t>([&](int32_t* ids, std::size_t capacity, std::size_t* count) {
      return llava_response_tokens(handle_, 0, ids, capacity, count);
    });
  }
  /** Likelihoods, when asked for. */
  std::string logprobs_json() const {
    llava_string* text = nullptr;
    detail::check(llava_response_logprobs_json(handle_, 0, &text));
    return detail::take(text);
  }
  int64_t seed() const { return llava_response_seed(handle_); } /**< gives this answer again */
  /** Tokens and times. */
  llava_usage usage() const {
    llava_usage usage = {};
    usage.struct_size = sizeof usage;
    detail::check(llava_response_usage(handle_, &usage));
    return usage;
  }
  /** OpenAI's JSON shape. */
  std::string to_json() const {
    llava_string* text = nullptr;
    detail::check(llava_response_to_json(handle_, &text));
    return detail::take(text);
  }
};

/** An answer in the making; iterate over its events, then finish(). Since 0.1. */
class Stream : public detail::Handle<llava_stream, llava_stream_retain, llava_stream_free> {
 public:
  Stream() = default;
  /** Takes over a handle of the C interface. */
  static Stream adopt(llava_stream* handle) {
    Stream stream;
    stream.handle_ = handle;
    return stream;
  }

  /** What next() found. */
  enum class Next { event, end, nothing_yet };

  /** Works until the next event; begins no further piece of work after `timeout_ms` (0: one piece, -1: for ever). */
  Next next(Event& event, int64_t timeout_ms = -1) {
    llava_event* found = nullptr;
    const auto status = llava_stream_next(handle_, timeout_ms, &found);
    if (status == LLAVA_END) return Next::end;
    if (status == LLAVA_WOULD_BLOCK) return Next::nothing_yet;
    detail::check(status);
    event = Event::adopt(found);
    return Next::event;
  }
  void cancel() const { detail::check(llava_stream_cancel(handle_)); } /**< from any thread */
  /** Works until the end and hands out the answer. */
  Response finish() {
    llava_response* response = nullptr;
    detail::check(llava_stream_finish(handle_, &response));
    return Response::adopt(response);
  }

  /** Goes over the events once. */
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag; /**< one pass */
    using value_type = Event;                          /**< events */
    using difference_type = std::ptrdiff_t;            /**< not used */
    using pointer = const Event*;                      /**< to the event at hand */
    using reference = const Event&;                    /**< to the event at hand */

    Iterator() = default;
    /** Stands at the first event. */
    explicit Iterator(Stream* stream) : stream_(stream) { ++*this; }
    reference operator*() const { return event_; } /**< the event at hand */
    pointer operator->() const { return &event_; } /**< the event at hand */
    /** Works until the next event. */
    Iterator& operator++() {
      if (stream_->next(event_) == Next::end) stream_ = nullptr;
      return *this;
    }
    bool operator==(const Iterator& other) const { return stream_ == other.stream_; } /**< both at the end */
    bool operator!=(const Iterator& other) const { return stream_ != other.stream_; } /**< not both at the end */

   private:
    Stream* stream_ = nullptr;
    Event event_;
  };
  Iterator begin() { return Iterator(this); } /**< pulls the first event */
  Iterator end() { return Iterator(); }       /**< after the last event */
};

namespace detail {

/** The C form of ChatOptions and the memory it points to; lives during one call. */
struct CChatOptions {
  llava_chat_options c;
  std::vector<const char*> stop;
  std::vector<int32_t> bias_ids;
  std::vector<float> bias_values;
  const std::function<Reply(const Event&)>& on_event;
  std::exception_ptr thrown;

  CChatOptions(const ChatOptions& from, bool with_event) : on_event(from.on_event) {
    check(llava_chat_options_init(&c, sizeof c));
    for (const auto& text : from.stop) stop.push_back(c_text(text, "stop"));
    for (const auto& [id, value] : from.logit_bias) {
      bias_ids.push_back(id);
      bias_values.push_back(value);
    }
    c.max_tokens = from.max_tokens;
    c.min_tokens = from.min_tokens;
    c.temperature = from.temperature;
    c.top_p = from.top_p;
    c.min_p = from.min_p;
    c.top_k = from.top_k;
    c.repetition_penalty = from.repetition_penalty;
    c.seed = from.seed;
    c.stop = stop.data();
    c.stop_count = static_cast<int32_t>(stop.size());
    c.stop_ids = from.stop_ids.data();
    c.stop_id_count = static_cast<int32_t>(from.stop_ids.size());
    c.bad_ids = from.bad_ids.data();
    c.bad_id_count = static_cast<int32_t>(from.bad_ids.size());
    c.bias_ids = bias_ids.data();
    c.bias_values = bias_values.data();
    c.bias_count = static_cast<int32_t>(bias_ids.size());
    c.include_stop = from.include_stop;
    c.ignore_eos = from.ignore_eos;
    c.logprobs = from.logprobs;
    c.on_cancel = from.keep_on_cancel ? LLAVA_CANCEL_KEEP : LLAVA_CANCEL_ROLLBACK;
    c.timeout_ms = from.timeout_ms;
    c.cancel = from.cancel.get();
    c.adapter = or_null(from.adapter, "adapter");
    c.adapter_scale = from.adapter_scale;
    if (!with_event || !from.on_event) return;
    c.event_user_data = this;
    c.event = [](const llava_event* event, void* user_data) -> int32_t {
      auto& self = *static_cast<CChatOptions*>(user_data);
      return keep_exception(self.thrown, [&] {
        auto* shared = const_cast<llava_event*>(event);
        check(llava_event_retain(shared));
        return static_cast<int32_t>(self.on_event(Event::adopt(shared)));
      });
    };
  }
  CChatOptions(const CChatOptions&) = delete;
  CChatOptions& operator=(const CChatOptions&) = delete;
};

}  // namespace detail

}  // namespace abi1
}  // namespace llava

#endif
