/**
 * @file session.h
 * A dialogue with memory: what was said, and the keys and values of what the model has read, so that a new turn
 * computes new tokens only. A call that fails or is cancelled leaves the session as it was. One operation at a time:
 * the second caller gets LLAVA_ERR_BUSY. Several sessions may use one model at the same time.
 */
#ifndef LLAVA_SESSION_H
#define LLAVA_SESSION_H

#include "base.h"
#include "encode.h"
#include "message.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A dialogue. Since 0.1. */
typedef struct llava_session llava_session;

/** How a session behaves. Fill with llava_session_options_init(). Since 0.1. */
typedef struct llava_session_options {
  uint32_t struct_size;      /**< set by llava_session_options_init() */
  uint32_t reserved;         /**< 0 */
  const char *system;        /**< system prompt; NULL (default): the template's own; "" for none */
  const char *template_name; /**< llava_template_name(), or "none"; NULL (default): the model's */
  int64_t max_context; /**< positions; 0 (default): the model's; more than the model's is LLAVA_ERR_INVALID_ARGUMENT */
  const char *adapter; /**< name of an adapter in memory (adapter.h); "": none; NULL (default): at each call
                                  the one that is attached then */
  float adapter_scale; /**< what that adapter's products are multiplied with; default 1 */
  uint32_t adapter_reserved; /**< 0 */
} llava_session_options;

/** What a session has done and holds. Filled by llava_session_stats(). Since 0.1. */
typedef struct llava_session_usage {
  uint32_t struct_size;    /**< set by the caller */
  int32_t turns;           /**< messages in the history */
  int64_t tokens;          /**< positions whose keys and values are held */
  int64_t limit;           /**< positions it may hold */
  int64_t tokens_computed; /**< positions run through the language model since the session was made */
  int64_t images_encoded;  /**< pictures run through the vision tower since then */
  int64_t image_hits;      /**< pictures found encoded already */
  int64_t cache_bytes;     /**< memory of keys, values and encoded pictures */
} llava_session_usage;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_session_options_init(llava_session_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"system": "Answer briefly."}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the texts the struct points to; NULL inside when there are none; may be NULL
 *                     itself when no field of `json` is a text
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_options_from_json(llava_session_options *options,
                                                                                  size_t struct_size, const char *json,
                                                                                  llava_buffer **keep);

/**
 * Writes an options struct as JSON.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_options_to_json(const llava_session_options *options,
                                                                                llava_string **out);

/**
 * Starts a dialogue.
 *
 * @param model    kept alive by the session
 * @param options  NULL for defaults
 * @param out      receives the session; release with llava_session_free()
 * @return LLAVA_OK; NOT_FOUND for an unknown template; UNSUPPORTED for a system prompt with a template that has no
 *         place for one; LIMIT for one that is too long; CONTEXT_FULL, with needed and limit, when an empty question
 *         does not fit the context. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_create(llava_model *model,
                                                                       const llava_session_options *options,
                                                                       llava_session **out);

/**
 * Forgets the dialogue; options stay.
 *
 * @param session  the session
 * @return LLAVA_OK; BUSY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_reset(llava_session *session);

/**
 * Adds a message and computes it, without an answer: warms up a picture or a document while the user types, or puts an
 * earlier dialogue back. Follow with llava_chat(); its message may be NULL to answer what was added.
 *
 * @param session  the session
 * @param message  of role user or assistant
 * @param cancel   looked at once a layer; NULL for none
 * @return LLAVA_OK; CONTEXT_FULL with needed and limit, LIMIT, UNSUPPORTED, BUSY, CANCELLED, TIMEOUT, DEVICE_MEMORY,
 *         DEVICE. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_append(llava_session *session,
                                                                       const llava_message *message,
                                                                       llava_cancel *cancel);

/**
 * Adds raw token ids as one turn, exactly as given: no begin mark, no template.
 *
 * @param session          the session
 * @param ids              `id_count` numbers: token ids, and #LLAVA_IMAGE_TOKEN once for each embedding; not the id the
 *                         checkpoint itself writes where a picture stands (image_token_index)
 * @param id_count         at least 1
 * @param embeddings       projected embeddings in order; NULL when `embedding_count` is 0
 * @param embedding_count  as many as there are places
 * @param cancel           looked at once a layer; NULL for none
 * @return as llava_session_append(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_append_ids(llava_session *session, const int32_t *ids,
                                                                           int64_t id_count,
                                                                           const llava_embedding *const *embeddings,
                                                                           int32_t embedding_count,
                                                                           llava_cancel *cancel);

/**
 * Makes a second session with the same past; from here on they are independent.
 *
 * @param session  the session
 * @param out      receives the copy; release with llava_session_free()
 * @return LLAVA_OK; BUSY, DEVICE_MEMORY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_fork(const llava_session *session, llava_session **out);

/**
 * Goes back in time: keeps the first turns and forgets the rest. To ask again, go back to before the question.
 *
 * @param session  the session
 * @param turns    how many turns to keep, 0 … llava_session_turn_count()
 * @return LLAVA_OK; BUSY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_rewind(llava_session *session, int32_t turns);

/**
 * The number of turns: questions and answers each count one; the system prompt does not count.
 *
 * @param session  the session
 * @return 0 or more; -1 on misuse or while an operation runs. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_session_turn_count(const llava_session *session);

/**
 * A turn of the dialogue as a message.
 *
 * @param session  the session
 * @param turn     0 … llava_session_turn_count() - 1
 * @param out      receives a new message; release with llava_message_free()
 * @return LLAVA_OK; BUSY; UNSUPPORTED for a turn of raw ids. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_turn(const llava_session *session, int32_t turn,
                                                                     llava_message **out);

/**
 * How full the session is. Pictures that came with llava_session_from_json() are encoded for it.
 *
 * @param session  the session
 * @param used     receives the positions held
 * @param limit    receives the positions it may hold
 * @return LLAVA_OK; BUSY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_tokens(const llava_session *session, int64_t *used,
                                                                       int64_t *limit);

/**
 * What the session has done and holds; may be asked while an operation runs.
 *
 * @param session  the session
 * @param out      struct_size set; receives the numbers
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_stats(const llava_session *session,
                                                                      llava_session_usage *out);

/**
 * The dialogue as JSON: [{"role", "content": [{"type": "text", "text": …}, {"type": "image", "hash": …}, …]}, …].
 * Pictures are named by the hash of llava_image_info(). A turn of raw ids has {"type": "ids", "ids": […], "images":
 * [hash, …]}.
 *
 * @param session  the session
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK; BUSY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_history_json(const llava_session *session,
                                                                             llava_string **out);

/**
 * Starts a session with a dialogue from elsewhere: a JSON list of messages in the shape of llava_message_from_json(). A
 * system message may come first, and counts as the system prompt. Nothing is computed before it is needed.
 *
 * @param model    kept alive by the session
 * @param json     the list
 * @param options  NULL for defaults
 * @param out      receives the session; release with llava_session_free()
 * @return LLAVA_OK; FORMAT, LIMIT, UNSUPPORTED as llava_message_from_json(); NOT_FOUND for a picture that is named by
 *         its hash alone, as in llava_session_history_json(), and otherwise as llava_session_create(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_from_json(llava_model *model, const char *json,
                                                                          const llava_session_options *options,
                                                                          llava_session **out);

/**
 * Writes options and dialogue, encoded pictures included, to a file; the file is whole or absent. Pictures that are not
 * encoded yet are encoded for it.
 *
 * @param session  the session
 * @param path     the file, replaced when it exists
 * @return LLAVA_OK; NOT_FOUND (the directory), IO, BUSY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_save(const llava_session *session, const char *path);

/**
 * Opens what llava_session_save() wrote; it is computed when it is first needed.
 *
 * @param model  the model it was made with; kept alive by the session
 * @param path   the file
 * @param out    receives the session; release with llava_session_free()
 * @return LLAVA_OK; NOT_FOUND, IO, FORMAT (also for rows that are not finite); UNSUPPORTED for a file of another model
 *         or a newer format. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_session_load(llava_model *model, const char *path,
                                                                     llava_session **out);

/**
 * Adds a reference.
 *
 * @param session  the session
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_session_retain(llava_session *session);

/**
 * Gives a reference back. A stream of the session keeps it alive.
 *
 * @param session  a session, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_session_free(llava_session *session);

#ifdef __cplusplus
}
#endif

#endif
