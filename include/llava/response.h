/**
 * @file response.h
 * Reading a finished answer: text, ids, reason, likelihoods, cost.
 */
#ifndef LLAVA_RESPONSE_H
#define LLAVA_RESPONSE_H

#include "chat.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The number of answers a response holds.
 *
 * @param response  the response
 * @return 1 in this release; 0 on misuse. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_response_count(const llava_response *response);

/**
 * The text of an answer.
 *
 * @param response  the response
 * @param index     0 … llava_response_count() - 1
 * @return NUL-terminated text that lives as long as `response`; "" on misuse. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_response_text(const llava_response *response, int32_t index);

/**
 * The text of an answer and its length: a model may say the byte 0, at which llava_response_text() seems to end.
 *
 * @param response  the response
 * @param index     0 … llava_response_count() - 1
 * @param size      receives the length in bytes, without the final NUL; may be NULL
 * @return the text of llava_response_text(). Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_response_text_n(const llava_response *response, int32_t index, size_t *size);

/**
 * Why an answer ended.
 *
 * @param response  the response
 * @param index     0 … llava_response_count() - 1
 * @return one of the LLAVA_FINISH_… numbers; -1 on misuse. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_response_finish_reason(const llava_response *response, int32_t index);

/**
 * The name of a finish reason as it stands in JSON: "stop", "stop_string", "length", "context", "cancelled", "timeout".
 *
 * @param reason  one of the LLAVA_FINISH_… numbers
 * @return constant text; "" for other numbers. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_finish_reason_name(int32_t reason);

/**
 * The token ids of an answer as they were drawn, a final stop token included.
 *
 * @param response  the response
 * @param index     0 … llava_response_count() - 1
 * @param ids       receives the ids, or NULL to ask for the number
 * @param capacity  room in `ids`, in numbers
 * @param count     receives the number of ids
 * @return LLAVA_OK; BUFFER_TOO_SMALL. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_response_tokens(const llava_response *response, int32_t index,
                                                                        int32_t *ids, size_t capacity, size_t *count);

/**
 * How likely the tokens of an answer were: [{"id", "token", "logprob", "top": [{"id", "token", "logprob"}, …]}, …].
 *
 * @param response  the response
 * @param index     0 … llava_response_count() - 1
 * @param out       receives JSON, "[]" when `logprobs` was not asked for; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_response_logprobs_json(const llava_response *response,
                                                                               int32_t index, llava_string **out);

/**
 * The seed that gives this answer again.
 *
 * @param response  the response
 * @return 0 … 2^53 - 1, or the seed of the options; -1 on misuse. Since 0.1.
 */
LLAVA_API int64_t LLAVA_CALL llava_response_seed(const llava_response *response);

/**
 * What the answer took.
 *
 * @param response  the response
 * @param out       struct_size set; receives the numbers
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_response_usage(const llava_response *response,
                                                                       llava_usage *out);

/**
 * The whole response as JSON in the shape of OpenAI's chat interface: {"choices": [{"index", "message": {"role",
 * "content"}, "finish_reason", "token_ids"}], "usage": {…}, "timings": {…}, "seed"}.
 *
 * @param response  the response
 * @param out       receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_response_to_json(const llava_response *response,
                                                                         llava_string **out);

/**
 * Adds a reference.
 *
 * @param response  the response
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_response_retain(llava_response *response);

/**
 * Gives a reference back.
 *
 * @param response  a response, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_response_free(llava_response *response);

#ifdef __cplusplus
}
#endif

#endif
