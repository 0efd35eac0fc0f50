/**
 * @file message.h
 * One turn of a dialogue: a role and parts in any order, texts and pictures. Text is text: what a user types, "<image>"
 * and "</s>" included, never becomes structure; pictures come from picture parts alone.
 */
#ifndef LLAVA_MESSAGE_H
#define LLAVA_MESSAGE_H

#include "base.h"
#include "encode.h"
#include "image.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A turn of a dialogue. What takes a message copies its parts, so it may be changed or freed afterwards. Since 0.1. */
typedef struct llava_message llava_message;

/** Who speaks. */
enum {
  LLAVA_ROLE_SYSTEM = 0,   /**< the instruction before the dialogue */
  LLAVA_ROLE_USER = 1,     /**< the one who asks */
  LLAVA_ROLE_ASSISTANT = 2 /**< the model */
};

/**
 * Makes an empty message.
 *
 * @param role  one of the LLAVA_ROLE_… numbers
 * @param out   receives the message; release with llava_message_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_create(int32_t role, llava_message **out);

/**
 * Adds a text part.
 *
 * @param message  the message
 * @param text     UTF-8, at most 1 MiB; may be empty
 * @return LLAVA_OK; LIMIT for a longer text or more than 1024 parts. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_add_text(llava_message *message, const char *text);

/**
 * Adds a text part that may contain NUL.
 *
 * @param message  the message
 * @param text     UTF-8; NULL when `size` is 0
 * @param size     its length in bytes
 * @return as llava_message_add_text(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_add_text_n(llava_message *message, const char *text,
                                                                           size_t size);

/**
 * Adds a picture part.
 *
 * @param message  the message
 * @param image    shared, not copied
 * @return LLAVA_OK; LIMIT for more than 64 pictures. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_add_image(llava_message *message,
                                                                          const llava_image *image);

/**
 * Adds a picture part that is encoded already.
 *
 * @param message    the message
 * @param embedding  shared, not copied; of the model that will read the message, and projected
 * @return LLAVA_OK; LIMIT for more than 64 pictures. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_add_embedding(llava_message *message,
                                                                              const llava_embedding *embedding);

/**
 * Removes all parts; the role stays.
 *
 * @param message  the message
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_clear(llava_message *message);

/**
 * Who speaks.
 *
 * @param message  the message
 * @return one of the LLAVA_ROLE_… numbers; -1 on misuse. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_message_role(const llava_message *message);

/**
 * The number of parts.
 *
 * @param message  the message
 * @return 0 … 1024. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_message_part_count(const llava_message *message);

/**
 * The text of a part.
 *
 * @param message  the message
 * @param part     0 … llava_message_part_count() - 1
 * @param size     receives the length in bytes; may be NULL
 * @return NUL-terminated text, valid until the message is changed or freed; "" for a picture part. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_message_text(const llava_message *message, int32_t part, size_t *size);

/**
 * The picture of a part.
 *
 * @param message  the message
 * @param part     0 … llava_message_part_count() - 1
 * @param out      receives the image, NULL for a part of another kind; release with llava_image_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_image(const llava_message *message, int32_t part,
                                                                      llava_image **out);

/**
 * Makes a message from JSON in the shape of OpenAI's chat interface: {"role": "user", "content": "text"}, or content as
 * a list of {"type": "text", "text": …} and {"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}}.
 *
 * @param json  the text; addresses other than data URIs are LLAVA_ERR_UNSUPPORTED, nothing is fetched or opened
 * @param out   receives the message; release with llava_message_free()
 * @return LLAVA_OK; FORMAT for broken JSON or a damaged picture; INVALID_ARGUMENT for a key that is missing, unknown or
 *         of the wrong type; UNSUPPORTED, LIMIT. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_from_json(const char *json, llava_message **out);

/**
 * Writes a message as JSON in the same shape; pictures become BMP data URIs, an
 * embedding is named by the hash of its picture.
 *
 * @param message  the message
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_message_to_json(const llava_message *message,
                                                                        llava_string **out);

/**
 * Adds a reference.
 *
 * @param message  the message
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_message_retain(llava_message *message);

/**
 * Gives a reference back.
 *
 * @param message  a message, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_message_free(llava_message *message);

#ifdef __cplusplus
}
#endif

#endif
