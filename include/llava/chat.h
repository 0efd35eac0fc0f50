/**
 * @file chat.h
 * Asking: one call for a whole answer, or a stream that is pulled event by event.
 *
 * What "stop" does to the session:
 *
 * | asked by                                        | result                              | session                 |
 * |-------------------------------------------------|-------------------------------------|-------------------------|
 * | event callback, LLAVA_EVENT_STOP                | LLAVA_OK, reason CANCELLED          | question and words stay |
 * | event callback, LLAVA_EVENT_DISCARD             | LLAVA_ERR_CANCELLED                 | as before               |
 * | cancel token or deadline, LLAVA_CANCEL_ROLLBACK | LLAVA_ERR_CANCELLED or _TIMEOUT     | as before               |
 * | cancel token or deadline, LLAVA_CANCEL_KEEP     | LLAVA_OK, reason CANCELLED, TIMEOUT | question and words stay |
 *
 * A failing code always means: no answer, session as before. That also holds for KEEP before the first token. STOP
 * before the first token leaves the question and an empty answer.
 */
#ifndef LLAVA_CHAT_H
#define LLAVA_CHAT_H

#include "base.h"
#include "message.h"
#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An answer in the making. Since 0.1. */
typedef struct llava_stream llava_stream;

/** One thing that happened in a stream. It never changes. Since 0.1. */
typedef struct llava_event llava_event;

/** A finished answer. It never changes. Since 0.1. */
typedef struct llava_response llava_response;

/** Kinds of events, in the order in which they come. */
enum {
  LLAVA_EVENT_IMAGE_ENCODED = 0, /**< a picture was encoded: llava_event_index(), llava_event_progress() */
  LLAVA_EVENT_PREFILL = 1,       /**< a part of the prompt was read: llava_event_progress() */
  LLAVA_EVENT_TEXT = 2,          /**< a token that completes text: llava_event_text(), _token, _logprob, _index */
  LLAVA_EVENT_TOKEN = 3,         /**< a token whose text is held back until it is whole: _token, _logprob, _index */
  LLAVA_EVENT_DONE = 4 /**< the answer is complete; llava_chat() keeps it once the callback has answered to this */
};

/** What an event callback may answer. */
enum {
  LLAVA_EVENT_CONTINUE = 0, /**< go on */
  LLAVA_EVENT_STOP = 1,     /**< enough: end the answer here and keep it */
  LLAVA_EVENT_DISCARD = 2   /**< forget question and answer */
};

/** What a cancel token or a deadline does once words were said. */
enum {
  LLAVA_CANCEL_ROLLBACK = 0, /**< session as before the call */
  LLAVA_CANCEL_KEEP = 1      /**< question and words so far stay */
};

/** Why an answer ended. */
enum {
  LLAVA_FINISH_STOP = 0,        /**< the model ended it, or a stop id came */
  LLAVA_FINISH_STOP_STRING = 1, /**< a stop string came */
  LLAVA_FINISH_LENGTH = 2,      /**< max_tokens */
  LLAVA_FINISH_CONTEXT = 3,     /**< the context is full */
  LLAVA_FINISH_CANCELLED = 4,   /**< stopped and kept */
  LLAVA_FINISH_TIMEOUT = 5      /**< deadline, and kept */
};

/**
 * Hears each event of llava_chat(), on the calling thread.
 *
 * @param event      valid during the call
 * @param user_data  as given in the options
 * @return LLAVA_EVENT_CONTINUE, LLAVA_EVENT_STOP, LLAVA_EVENT_DISCARD, or a negative value for a failure. Since 0.1.
 */
typedef int32_t(LLAVA_CALL *llava_event_fn)(const llava_event *event, void *user_data);

/**
 * How an answer is made. Fill with llava_chat_options_init(). "Model's" means: as its generation_config.json says.
 * Since 0.1.
 */
typedef struct llava_chat_options {
  uint32_t struct_size; /**< set by llava_chat_options_init() */
  int32_t max_tokens;   /**< longest answer; -1 (default): the model's, else 512 */
  int32_t min_tokens;   /**< the model cannot end the answer before; default 0 */
  int32_t top_k;        /**< draw from the k most likely; 0: from all; -1 (default): the model's, else 0 */
  float temperature;    /**< 0: always the most likely (greedy), up to 100; -1 (default): the model's, else 0.2 */
  float top_p;          /**< draw from the likeliest that hold this mass, (0, 1]; -1 (default): the model's, else 1 */
  float min_p;          /**< draw from those at least this likely, relative to the likeliest, [0, 1); default 0 */
  float repetition_penalty;  /**< divides logits of tokens seen before, (0, 100]; -1 (default): the model's, else 1.
                                 What it and the biases make of a logit is kept within ±1e30 */
  int64_t seed;              /**< same seed, same answer; -1 (default): a fresh one, see llava_response_seed() */
  const char *const *stop;   /**< `stop_count` texts that end the answer, each of 1 … 256 bytes */
  const int32_t *stop_ids;   /**< `stop_id_count` token ids that end the answer */
  const int32_t *bad_ids;    /**< `bad_id_count` token ids that are never drawn */
  const int32_t *bias_ids;   /**< `bias_count` token ids whose logits are changed … */
  const float *bias_values;  /**< … by these amounts, finite */
  int32_t stop_count;        /**< at most 64 */
  int32_t stop_id_count;     /**< at most the vocabulary */
  int32_t bad_id_count;      /**< at most the vocabulary */
  int32_t bias_count;        /**< at most the vocabulary */
  int32_t include_stop;      /**< 1: a stop string stays in the text; default 0 */
  int32_t ignore_eos;        /**< 1: end marks of model and template do not end the answer; default 0 */
  int32_t logprobs;          /**< -1 (default): none; 0: of the drawn tokens; n: and of the n likeliest, at most 256 */
  int32_t on_cancel;         /**< LLAVA_CANCEL_ROLLBACK (default) or LLAVA_CANCEL_KEEP */
  int64_t timeout_ms;        /**< deadline of the whole answer; -1 (default): none */
  llava_cancel *cancel;      /**< looked at once a layer; NULL for none */
  llava_event_fn event;      /**< for llava_chat() only; NULL for none */
  void *event_user_data;     /**< handed to `event` */
  const char *adapter;       /**< name of an adapter in memory (adapter.h); "": none; NULL (default): the session's,
                                  else the attached one */
  float adapter_scale;       /**< what that adapter's products are multiplied with; default 1 */
  uint32_t adapter_reserved; /**< 0 */
} llava_chat_options;

/** What an answer took. Times are of work: pauses between two pulls and in callbacks are not counted. Filled by
 * llava_response_usage(). Since 0.1. */
typedef struct llava_usage {
  uint32_t struct_size;      /**< set by the caller */
  uint32_t reserved;         /**< 0 */
  int64_t prompt_tokens;     /**< positions of the prompt, pictures included */
  int64_t image_tokens;      /**< positions of pictures among them */
  int64_t cached_tokens;     /**< positions of the prompt that needed no computing */
  int64_t completion_tokens; /**< tokens of the answer */
  double preprocess_ms;      /**< pictures: resizing, normalising */
  double encode_ms;          /**< pictures: vision tower and projector */
  double prompt_ms;          /**< template and tokenizer */
  double prefill_ms;         /**< reading the prompt */
  double first_token_ms;     /**< all work until the first token */
  double decode_ms;          /**< from the first token to the last */
  double total_ms;           /**< the two together */
  double tokens_per_second;  /**< of decoding; 0 for fewer than two tokens */
} llava_usage;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_chat_options_init(llava_chat_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"temperature": 0, "stop": ["###"], "bias_ids": [13], "bias_values":
 * [-5]}. Counts follow from the lists.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the lists and texts the struct points to; release after the last use of
 *                     `options`. NULL inside when there are none; may be NULL itself when no field of `json` is a text
 *                     or list
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_chat_options_from_json(llava_chat_options *options,
                                                                               size_t struct_size, const char *json,
                                                                               llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles and callbacks have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_chat_options_to_json(const llava_chat_options *options,
                                                                             llava_string **out);

/**
 * Asks and waits for the whole answer. Question and answer become two turns of the session.
 *
 * @param session  the session
 * @param message  of role user; NULL answers what llava_session_append() or llava_session_append_ids() added last
 * @param options  NULL for defaults
 * @param out      receives the answer; release with llava_response_free()
 * @return LLAVA_OK; BUSY, CONTEXT_FULL with needed and limit, LIMIT, UNSUPPORTED, CANCELLED, TIMEOUT, CALLBACK,
 *         DIVERGED, DEVICE_MEMORY, DEVICE; STATE when `message` is NULL and nothing was added. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_chat(llava_session *session, const llava_message *message,
                                                             const llava_chat_options *options, llava_response **out);

/**
 * Asks one question about one picture, without a session to keep.
 *
 * @param model  the model
 * @param image  NULL for a question without a picture
 * @param text   the question
 * @param out    receives the answer; release with llava_response_free()
 * @return as llava_chat(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_ask(llava_model *model, const llava_image *image,
                                                            const char *text, llava_response **out);

/**
 * Begins an answer that is pulled event by event. The session is busy until the stream has ended, failed or been freed.
 * No thread is started: the work is done inside llava_stream_next() and llava_stream_finish(), on the thread that
 * calls.
 *
 * @param session  the session; kept alive by the stream
 * @param message  of role user, copied; NULL answers what was added last
 * @param options  NULL for defaults; `event` must be NULL; copied, but for `cancel`, which the stream keeps alive
 * @param out      receives the stream; release with llava_stream_free()
 * @return as llava_chat(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_chat_start(llava_session *session, const llava_message *message,
                                                                   const llava_chat_options *options,
                                                                   llava_stream **out);

/**
 * Works until the next event, or until the time is over.
 *
 * @param stream      the stream; another thread's call at the same time gets LLAVA_ERR_BUSY
 * @param timeout_ms  time after which no further piece of work is begun. A piece is: preparing a picture, encoding it,
 *                    building the prompt, reading up to 512 positions of it, one token. 0: exactly one piece; -1: as
 *                    many as it takes
 * @param event       receives the event; release with llava_event_free()
 * @return LLAVA_OK; LLAVA_END after LLAVA_EVENT_DONE; LLAVA_WOULD_BLOCK when no event came in time (call again);
 *         otherwise as llava_chat(), and then the same at every later call; STATE after llava_stream_finish().
 *         Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_stream_next(llava_stream *stream, int64_t timeout_ms,
                                                                    llava_event **event);

/**
 * Asks the stream to end as a cancel token would; may be called from any thread. Heard at once when the options had no
 * cancel token, else after the piece of work under way. No effect after the end.
 *
 * @param stream  the stream
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_stream_cancel(llava_stream *stream);

/**
 * Works until the end, drops events that were not pulled, and hands out the answer.
 *
 * @param stream  the stream
 * @param out     receives the answer; release with llava_response_free()
 * @return LLAVA_OK; BUSY; STATE the second time; otherwise as llava_stream_next(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_stream_finish(llava_stream *stream, llava_response **out);

/**
 * How the stream failed, whichever thread saw it: code and, as llava_last_error_json() writes it, the rest.
 *
 * @param stream  the stream
 * @param code    receives LLAVA_OK while nothing failed
 * @param out     receives JSON, "{}" while nothing failed; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_stream_error(const llava_stream *stream, llava_status *code,
                                                                     llava_string **out);

/**
 * Adds a reference.
 *
 * @param stream  the stream
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_stream_retain(llava_stream *stream);

/**
 * Gives a reference back; the last one cancels a stream that has not ended, and the session is as before it.
 *
 * @param stream  a stream, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_stream_free(llava_stream *stream);

/**
 * What happened.
 *
 * @param event  the event
 * @return one of LLAVA_EVENT_IMAGE_ENCODED … LLAVA_EVENT_DONE; -1 on misuse. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_event_type(const llava_event *event);

/**
 * The text of an event: whole characters only.
 *
 * @param event  the event
 * @param size   receives the length in bytes; may be NULL
 * @return NUL-terminated text that lives as long as `event`; "" for events without text. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_event_text(const llava_event *event, size_t *size);

/**
 * The token of an event.
 *
 * @param event  the event
 * @return its id; -1 for events without one. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_event_token(const llava_event *event);

/**
 * How likely the token was: natural logarithm, after penalties and biases, before truncation.
 *
 * @param event  the event
 * @return at most 0; NaN unless the option `logprobs` is 0 or more; 0 for events without a token. Since 0.1.
 */
LLAVA_API double LLAVA_CALL llava_event_logprob(const llava_event *event);

/**
 * How far encoding or reading the prompt is.
 *
 * @param event  the event
 * @return 0 … 1; 0 for other events. Since 0.1.
 */
LLAVA_API double LLAVA_CALL llava_event_progress(const llava_event *event);

/**
 * Which picture, or which token of the answer, counted from 0.
 *
 * @param event  the event
 * @return the number; -1 for other events. Since 0.1.
 */
LLAVA_API int64_t LLAVA_CALL llava_event_index(const llava_event *event);

/**
 * Adds a reference; lets a callback keep an event.
 *
 * @param event  the event
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_event_retain(llava_event *event);

/**
 * Gives a reference back.
 *
 * @param event  an event, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_event_free(llava_event *event);

#ifdef __cplusplus
}
#endif

#endif
