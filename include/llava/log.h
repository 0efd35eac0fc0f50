/**
 * @file log.h
 * What the library has to say, for those who ask: quiet unless a callback is set or lines are collected.
 */
#ifndef LLAVA_LOG_H
#define LLAVA_LOG_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How important a message is; a level lets through its own messages and those above. */
enum {
  LLAVA_LOG_DEBUG = 0,   /**< for those who work on the library */
  LLAVA_LOG_INFO = 1,    /**< what was chosen and why */
  LLAVA_LOG_WARNING = 2, /**< something the caller may want to change */
  LLAVA_LOG_ERROR = 3,   /**< misuse without another way to be reported, such as a second `_free` */
  LLAVA_LOG_OFF = 4      /**< nothing */
};

/**
 * Receives one message. It runs on the thread that caused it, one call at a time, and may call status and error
 * functions and llava_cancel_cancel() only; other calls give LLAVA_ERR_STATE. Failures are ignored; after 100 of them
 * the callback is no longer called.
 *
 * @param level      one of the LLAVA_LOG_… numbers
 * @param message    one line without its end, valid during the call
 * @param user_data  as given to llava_log_set()
 * @return 0, or a negative value for a failure. Since 0.1.
 */
typedef int32_t(LLAVA_CALL *llava_log_fn)(int32_t level, const char *message, void *user_data);

/** Releases what was given to llava_log_set(). Since 0.1. */
typedef void(LLAVA_CALL *llava_destroy_fn)(void *user_data);

/**
 * Sets the one log callback of the process; the former one is destroyed.
 *
 * @param log        the callback, or NULL for none
 * @param level      least important level to report
 * @param user_data  handed to `log` and `destroy`
 * @param destroy    called once `log` will not be called again, or NULL; not called when this function fails
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_log_set(llava_log_fn log, int32_t level, void *user_data,
                                                                llava_destroy_fn destroy);

/**
 * Changes the level of the callback and of collected lines.
 *
 * @param level  one of the LLAVA_LOG_… numbers; LLAVA_LOG_OFF at the start
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_log_set_level(int32_t level);

/**
 * Takes the messages that were kept because no callback was set: one JSON object a line, {"level", "message"}, oldest
 * first. At most 1024 are kept; a last object {"dropped": n} tells how many were not. For languages that dislike
 * callbacks from foreign threads.
 *
 * @param out  receives the lines; release with llava_string_free()
 * @return LLAVA_OK, also with no lines. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_log_drain(llava_string **out);

#ifdef __cplusplus
}
#endif

#endif
