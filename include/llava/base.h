/**
 * @file base.h
 * What every other header of libllava stands on: macros, status codes, errors, versions, owned strings, cancel tokens.
 *
 * Rules that hold for every function of the library and are not repeated at each one:
 *
 * - A function that can fail returns a ::llava_status. Besides the codes its comment lists it may return
 *   LLAVA_ERR_INVALID_ARGUMENT, LLAVA_ERR_OUT_OF_MEMORY, LLAVA_ERR_INTERNAL, and LLAVA_ERR_STATE (after
 *   llava_shutdown(), in the child of a fork(), or inside a log callback).
 * - On failure handle outputs are NULL, number outputs are 0, and the objects involved are as they were before the
 *   call. llava_last_error() says what was wrong, on the thread that made the call.
 * - A function that returns its value directly gives a neutral value on misuse ("", 0, -1; never a NULL string) and
 *   sets the last error.
 * - Handles are reference counted: `_retain` adds a reference, `_free` gives one back, `_free(NULL)` does nothing. A
 *   child keeps its parent alive, so any order of release is right, and a call keeps what it was given alive until it
 *   returns. A freed handle, or a handle of another type, is recognised and refused.
 * - Any function may be called from any thread. An operation on a session, stream or decoder that is at work already is
 *   refused with LLAVA_ERR_BUSY at once; all other objects may be used by several threads at the same time.
 * - Texts are UTF-8 and end with NUL; a function whose name ends in `_n` takes a length instead. Inputs are borrowed
 *   for the call unless said otherwise.
 * - An options struct starts with `struct_size` and is filled by its `_init` function; NULL means defaults. A struct
 *   the library fills needs `struct_size` set by the caller beforehand.
 * - Copying to a caller's buffer: NULL with capacity 0 asks for the size needed and returns LLAVA_OK; a buffer that is
 *   too small gives LLAVA_ERR_BUFFER_TOO_SMALL and the size needed, and is not written to.
 * - A callback returns 0 to go on, a positive value where its comment names one, a negative value to report failure
 *   (LLAVA_ERR_CALLBACK). It runs on the thread that made the call, and may free the handle it serves (takes effect
 *   afterwards); using that handle otherwise gives LLAVA_ERR_BUSY.
 * - The library prints nothing, never ends the process, installs no signal handler, and needs 256 KiB of stack at most.
 * - Four things belong to the process, not to a handle: the number of threads (llava_set_threads()), the log callback
 *   and its level (log.h), the end of use (llava_shutdown()), and the last error, which each thread has for itself.
 *
 * What no check can catch: memory that is shorter than its stated length, a text without NUL, longjmp() or an exception
 * of a C++ caller's own frames across the library, a mapped model file that another program cuts short while a call
 * computes with it, and a freed handle after 4096 more of any type were freed, once its place is used again for the
 * same type.
 */
#ifndef LLAVA_BASE_H
#define LLAVA_BASE_H

#include <stddef.h>
#include <stdint.h>

/** Version of these headers. */
#define LLAVA_VERSION_MAJOR 0
#define LLAVA_VERSION_MINOR 1 /**< see #LLAVA_VERSION_MAJOR */
#define LLAVA_VERSION_PATCH 0 /**< see #LLAVA_VERSION_MAJOR */
/** The version as a text. */
#define LLAVA_VERSION "0.1.0"
/** One number: major * 1000000 + minor * 1000 + patch. */
#define LLAVA_VERSION_NUMBER (LLAVA_VERSION_MAJOR * 1000000 + LLAVA_VERSION_MINOR * 1000 + LLAVA_VERSION_PATCH)
/** Rises whenever a program compiled with older headers could misread this library. */
#define LLAVA_ABI_VERSION 1

#if defined(_WIN32)
#if defined(LLAVA_BUILD)
#define LLAVA_API __declspec(dllexport)
#else
#define LLAVA_API __declspec(dllimport)
#endif
#define LLAVA_CALL __cdecl
#elif defined(__GNUC__)
/** Marks what the shared library exports. */
#define LLAVA_API __attribute__((visibility("default")))
/** The calling convention of every function and callback. */
#define LLAVA_CALL
#else
#define LLAVA_API
#define LLAVA_CALL
#endif

#if defined(__GNUC__)
/** A result that must be looked at. */
#define LLAVA_NODISCARD __attribute__((warn_unused_result))
/** A symbol that still works and has a better successor. */
#define LLAVA_DEPRECATED(message) __attribute__((deprecated(message)))
#else
#define LLAVA_NODISCARD
#define LLAVA_DEPRECATED(message)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ------------------------------------------------------------------------------------------------------ */

/** What a call answers: one of the LLAVA_OK, LLAVA_END, LLAVA_WOULD_BLOCK and LLAVA_ERR_… numbers. Since 0.1. */
typedef int32_t llava_status;

/** The numbers of ::llava_status. They never change meaning; new ones take 23 to 98. */
enum {
  LLAVA_OK = 0,                    /**< success */
  LLAVA_ERR_INVALID_ARGUMENT = 1,  /**< NULL, dead or foreign handle, out of range, bad size, bad option */
  LLAVA_ERR_STATE = 2,             /**< wrong order: finished stream, forked process, after shutdown */
  LLAVA_ERR_BUSY = 3,              /**< in use by another thread or stream; may succeed later */
  LLAVA_ERR_NOT_FOUND = 4,         /**< a file, tensor, feature or other name does not exist */
  LLAVA_ERR_IO = 5,                /**< reading, writing, disk full */
  LLAVA_ERR_FORMAT = 6,            /**< damaged or unknown checkpoint, picture or JSON */
  LLAVA_ERR_UNSUPPORTED = 7,       /**< valid, but not in this build, model or device */
  LLAVA_ERR_ABI = 8,               /**< header and library, or library and LibTorch, do not fit */
  LLAVA_ERR_OUT_OF_MEMORY = 9,     /**< host memory */
  LLAVA_ERR_DEVICE_MEMORY = 10,    /**< device memory; the detail has needed, free and cached */
  LLAVA_ERR_DEVICE = 11,           /**< CUDA or driver error */
  LLAVA_ERR_CONTEXT_FULL = 12,     /**< too long; the detail has needed and limit */
  LLAVA_ERR_LIMIT = 13,            /**< a documented limit (pixels, file size, …) */
  LLAVA_ERR_CANCELLED = 14,        /**< the cancel token was used */
  LLAVA_ERR_TIMEOUT = 15,          /**< the operation's deadline passed */
  LLAVA_ERR_CALLBACK = 16,         /**< the caller's callback failed or threw */
  LLAVA_ERR_BUFFER_TOO_SMALL = 17, /**< the size needed is returned */
  LLAVA_ERR_GRAMMAR = 18,          /**< a grammar cannot be compiled or continued */
  LLAVA_ERR_DISTRIBUTED = 19,      /**< rendezvous failed, peer lost, collective timed out */
  LLAVA_ERR_DIVERGED = 20,         /**< numbers became NaN or infinite */
  LLAVA_END = 21,                  /**< an answer, not a failure: nothing more to pull */
  LLAVA_WOULD_BLOCK = 22,          /**< an answer, not a failure: nothing came within the waiting time */
  LLAVA_ERR_INTERNAL = 99          /**< a defect of the library; treat the handle as lost */
};

/**
 * The name of a status as in this header without its prefix ("NOT_FOUND"); "UNKNOWN" for other numbers.
 *
 * @param status  any number
 * @return constant text. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_status_name(llava_status status);

/**
 * Whether the same call may succeed later without a change by the caller.
 *
 * @param status  any number
 * @return 1 for BUSY, OUT_OF_MEMORY, DEVICE_MEMORY, TIMEOUT and WOULD_BLOCK, else 0. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_status_is_retryable(llava_status status);

/**
 * What went wrong in the last failing call of this thread: where, what was found, what was expected.
 *
 * Calls that succeed, LLAVA_END and LLAVA_WOULD_BLOCK leave it alone, so it survives clean-up.
 *
 * @return UTF-8 of at most 1 KiB, never NULL, "" when nothing failed; valid until the next failure on this thread.
 *         Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_last_error(void);

/**
 * The code of the last failing call of this thread.
 *
 * @return the status; LLAVA_OK when nothing failed. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_last_error_status(void);

/**
 * The last failure of this thread as JSON: {"code", "name", "message", "function", "details": {…numbers…}}.
 *
 * @param buffer    receives the text with its NUL, or NULL to ask for the size
 * @param capacity  size of `buffer` in bytes
 * @param needed    receives the size needed, NUL included
 * @return LLAVA_OK or LLAVA_ERR_BUFFER_TOO_SMALL (which is not recorded as a failure). Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_last_error_json(char *buffer, size_t capacity, size_t *needed);

/** Forgets the last failure of this thread. Since 0.1. */
LLAVA_API void LLAVA_CALL llava_clear_error(void);

/* ---- Version ----------------------------------------------------------------------------------------------------- */

/**
 * The version of the library that is running.
 *
 * @return constant text such as "0.1.0". Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_version(void);

/**
 * The version as one number, comparable with #LLAVA_VERSION_NUMBER.
 *
 * @return major * 1000000 + minor * 1000 + patch. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_version_number(void);

/**
 * The ABI number of the library that is running, comparable with #LLAVA_ABI_VERSION.
 *
 * @return the number. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_abi_version(void);

/**
 * Asks whether this library can serve a program compiled with these headers. Use #LLAVA_CHECK_ABI.
 *
 * @param header_abi  #LLAVA_ABI_VERSION as the program saw it
 * @return LLAVA_OK, or LLAVA_ERR_ABI for other headers or when the LibTorch in this process is not the one the library
 *         was built for. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_check_abi(int32_t header_abi);

/** Call once at the start of a program that finds the library at run time. */
#define LLAVA_CHECK_ABI() llava_check_abi(LLAVA_ABI_VERSION)

/**
 * How the library was built: versions, compiler, features, LibTorch.
 *
 * @return constant JSON text. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_build_info_json(void);

/**
 * Whether this build has a feature. Names in use: "chat", "stream", "encode", "forward", "cpu", "cuda", "jpeg", "png",
 * "bmp", "gif", "webp", "train", "quantize", "lora", "grammar", "batch", "distributed". A name that no release knows
 * is a feature this build lacks.
 *
 * @param name  a feature's name
 * @return 1 or 0. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_has_feature(const char *name);

/* ---- Owned texts and bytes --------------------------------------------------------------------------------------- */

/** A text handed to the caller; release it with llava_string_free(). Since 0.1. */
typedef struct llava_string llava_string;

/**
 * The text, NUL-terminated.
 *
 * @param string  a text of the library
 * @return UTF-8 that lives as long as `string`; "" on misuse. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_string_data(const llava_string *string);

/**
 * The length of the text.
 *
 * @param string  a text of the library
 * @return bytes without the NUL. Since 0.1.
 */
LLAVA_API size_t LLAVA_CALL llava_string_size(const llava_string *string);

/**
 * Releases a text.
 *
 * @param string  a text, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_string_free(llava_string *string);

/**
 * Bytes handed to the caller, or the memory an options struct points into; release with llava_buffer_free(). Since 0.1.
 */
typedef struct llava_buffer llava_buffer;

/**
 * The bytes.
 *
 * @param buffer  bytes of the library
 * @return memory that lives as long as `buffer`; never NULL. Since 0.1.
 */
LLAVA_API const void *LLAVA_CALL llava_buffer_data(const llava_buffer *buffer);

/**
 * The number of bytes.
 *
 * @param buffer  bytes of the library
 * @return the size. Since 0.1.
 */
LLAVA_API size_t LLAVA_CALL llava_buffer_size(const llava_buffer *buffer);

/**
 * Releases bytes.
 *
 * @param buffer  bytes, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_buffer_free(llava_buffer *buffer);

/* ---- Cancel tokens ----------------------------------------------------------------------------------------------- */

/**
 * Asks a running operation to stop. One token serves any number of operations; loading, decoding, encoding, prefill and
 * generation look at it at least every 100 ms or once a layer. Since 0.1.
 */
typedef struct llava_cancel llava_cancel;

/**
 * Makes a token that is neither used nor has a deadline.
 *
 * @param out  receives the token; release with llava_cancel_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_cancel_create(llava_cancel **out);

/**
 * Asks every operation that was given this token to stop; those that start later stop at once. May be called from any
 * thread, from a log callback and from a signal handler, whatever that interrupted: it takes no lock and no memory.
 *
 * @param cancel  the token
 * @return LLAVA_OK, also when it was used already. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_cancel_cancel(llava_cancel *cancel);

/**
 * Makes the token new: not used, no deadline.
 *
 * @param cancel  the token
 * @return LLAVA_OK; LLAVA_ERR_BUSY while an operation uses it. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_cancel_reset(llava_cancel *cancel);

/**
 * Whether llava_cancel_cancel() was called. A passed deadline does not count.
 *
 * @param cancel  the token
 * @return 1 or 0. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_cancel_is_cancelled(const llava_cancel *cancel);

/**
 * Sets a deadline for all operations that use the token; they end with LLAVA_ERR_TIMEOUT.
 *
 * @param cancel      the token
 * @param timeout_ms  milliseconds from now; -1 removes the deadline
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_cancel_set_deadline_ms(llava_cancel *cancel, int64_t timeout_ms);

/**
 * Adds a reference.
 *
 * @param cancel  the token
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_cancel_retain(llava_cancel *cancel);

/**
 * Gives a reference back. Operations that use the token go on and can no longer be stopped by it.
 *
 * @param cancel  a token, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_cancel_free(llava_cancel *cancel);

/* ---- Process ----------------------------------------------------------------------------------------------------- */

/**
 * Counts the living objects of each type as JSON: {"model": 1, "image": 0, …}. The returned text itself is not counted.
 * An object lives until its last handle is freed and its last child is gone.
 *
 * @param out  receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_live_objects(llava_string **out);

/**
 * Ends the use of the library in this process; every later call but `_free`, errors and versions gives LLAVA_ERR_STATE.
 * Nothing needs it: a process may simply end, with handles alive.
 *
 * @return LLAVA_OK, also the second time; LLAVA_ERR_BUSY while an operation runs. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_shutdown(void);

#ifdef __cplusplus
}
#endif

#endif
