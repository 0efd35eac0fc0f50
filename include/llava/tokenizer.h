/**
 * @file tokenizer.h
 * From words to token ids and back, and from a dialogue to the prompt the model reads.
 */
#ifndef LLAVA_TOKENIZER_H
#define LLAVA_TOKENIZER_H

#include "base.h"
#include "message.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Turns tokens into text one by one and never hands out half a character. Since 0.1. */
typedef struct llava_decoder llava_decoder;

/** Flags of llava_tokenize(). */
enum {
  LLAVA_TOKENIZE_BOS = 1 /**< put the begin mark first, where the model's prompts have one */
};

/** Flags of llava_detokenize() and llava_decoder_create(). */
enum {
  LLAVA_DETOKENIZE_SPECIAL = 1 /**< write special tokens as text, such as the end mark, instead of leaving them out */
};

/** Kinds of special tokens. */
enum {
  LLAVA_TOKEN_BOS = 0,  /**< begin of a prompt; some byte-level tokenizers have none */
  LLAVA_TOKEN_EOS = 1,  /**< end of an answer */
  LLAVA_TOKEN_UNK = 2,  /**< unknown piece */
  LLAVA_TOKEN_PAD = 3,  /**< filler */
  LLAVA_TOKEN_IMAGE = 4 /**< the id a checkpoint reserves for pictures */
};

/** How a dialogue becomes a prompt. Fill with llava_template_options_init(). Since 0.1. */
typedef struct llava_template_options {
  uint32_t struct_size;      /**< set by llava_template_options_init() */
  int32_t generation_prompt; /**< 1 (default): end where the assistant's answer starts; 0: end after the last message */
  const char *template_name; /**< llava_template_name(), or "none"; NULL (default): the model's */
  const char *system;        /**< system prompt; NULL (default): the template's own; "" for none */
} llava_template_options;

/**
 * Turns a text into token ids. Special tokens written in the text stay plain text.
 *
 * @param model     the model
 * @param text      UTF-8, at most 1 MiB
 * @param flags     0 or LLAVA_TOKENIZE_BOS
 * @param ids       receives the ids, or NULL to ask for the number
 * @param capacity  room in `ids`, in numbers
 * @param count     receives the number of ids
 * @return LLAVA_OK; BUFFER_TOO_SMALL, LIMIT. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_tokenize(const llava_model *model, const char *text,
                                                                 int32_t flags, int32_t *ids, size_t capacity,
                                                                 size_t *count);

/**
 * llava_tokenize() for a text that may contain NUL.
 *
 * @param model     the model
 * @param text      UTF-8; NULL when `size` is 0
 * @param size      its length in bytes
 * @param flags     0 or LLAVA_TOKENIZE_BOS
 * @param ids       receives the ids, or NULL to ask for the number
 * @param capacity  room in `ids`, in numbers
 * @param count     receives the number of ids
 * @return LLAVA_OK; BUFFER_TOO_SMALL, LIMIT. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_tokenize_n(const llava_model *model, const char *text,
                                                                   size_t size, int32_t flags, int32_t *ids,
                                                                   size_t capacity, size_t *count);

/**
 * Turns token ids into text. Bytes that are no UTF-8 become U+FFFD.
 *
 * @param model  the model
 * @param ids    `count` ids of the vocabulary; NULL when `count` is 0
 * @param count  their number
 * @param flags  0 or LLAVA_DETOKENIZE_SPECIAL
 * @param out    receives the text; release with llava_string_free()
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT with position and id. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_detokenize(const llava_model *model, const int32_t *ids,
                                                                   size_t count, int32_t flags, llava_string **out);

/**
 * The piece of the vocabulary behind an id, as it stands in the tokenizer ("▁the", "<0x0A>").
 *
 * @param model  the model
 * @param id     0 … vocabulary - 1
 * @param out    receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_token_text(const llava_model *model, int32_t id,
                                                                   llava_string **out);

/**
 * The id of a special token.
 *
 * @param model  the model
 * @param kind   one of the LLAVA_TOKEN_… numbers
 * @param id     receives the id
 * @return LLAVA_OK; NOT_FOUND when the model has none. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_special_token(const llava_model *model, int32_t kind,
                                                                      int32_t *id);

/**
 * Counts the positions a dialogue takes in the context, pictures included, without looking at a pixel.
 *
 * @param model     the model
 * @param messages  `count` messages
 * @param count     at least 1
 * @param tokens    receives the number
 * @return LLAVA_OK; UNSUPPORTED as llava_apply_template(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_count_tokens(const llava_model *model,
                                                                     const llava_message *const *messages,
                                                                     int32_t count, int64_t *tokens);

/**
 * Makes a decoder. It serves one thread at a time.
 *
 * @param model  the model
 * @param flags  0 or LLAVA_DETOKENIZE_SPECIAL
 * @param out    receives the decoder; release with llava_decoder_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_decoder_create(const llava_model *model, int32_t flags,
                                                                       llava_decoder **out);

/**
 * Adds a token.
 *
 * @param decoder  the decoder
 * @param id       0 … vocabulary - 1
 * @param text     receives the text that is certain now, NUL-terminated, perhaps ""; valid until the next call
 * @param size     receives its length in bytes; may be NULL
 * @return LLAVA_OK; STATE after llava_decoder_flush(); BUSY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_decoder_push(llava_decoder *decoder, int32_t id,
                                                                     const char **text, size_t *size);

/**
 * Ends the text: what was held back comes out, an unfinished character as U+FFFD.
 *
 * @param decoder  the decoder
 * @param text     receives the rest, NUL-terminated; valid until the decoder is freed
 * @param size     receives its length in bytes; may be NULL
 * @return LLAVA_OK; STATE the second time; BUSY. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_decoder_flush(llava_decoder *decoder, const char **text,
                                                                      size_t *size);

/**
 * Adds a reference.
 *
 * @param decoder  the decoder
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_decoder_retain(llava_decoder *decoder);

/**
 * Gives a reference back.
 *
 * @param decoder  a decoder, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_decoder_free(llava_decoder *decoder);

/**
 * The number of conversation templates the library knows.
 *
 * @return at least 1. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_template_count(void);

/**
 * The name of a template, for options.
 *
 * @param index  0 … llava_template_count() - 1
 * @return constant text; "" for another index. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_template_name(int32_t index);

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_template_options_init(llava_template_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"template_name": "v1"}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the texts the struct points to; NULL inside when there are none; may be NULL
 *                     itself when no field of `json` is a text
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_template_options_from_json(llava_template_options *options,
                                                                                   size_t struct_size, const char *json,
                                                                                   llava_buffer **keep);

/**
 * Writes an options struct as JSON.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_template_options_to_json(const llava_template_options *options,
                                                                                 llava_string **out);

/**
 * Writes a dialogue as the text the model reads, with "<image>" at the places of pictures. For reading: a prompt is
 * built from parts, and this text does not say which "<image>" was typed. Use llava_prompt_ids() for the exact input.
 *
 * @param model     the model
 * @param messages  `count` messages; a system message may come first
 * @param count     at least 1
 * @param options   NULL for defaults
 * @param out       receives the text; release with llava_string_free()
 * @return LLAVA_OK; NOT_FOUND for an unknown template; UNSUPPORTED when the template has no place for a picture or a
 *         system prompt that is there. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_apply_template(const llava_model *model,
                                                                       const llava_message *const *messages,
                                                                       int32_t count,
                                                                       const llava_template_options *options,
                                                                       llava_string **out);

/**
 * Turns a dialogue into the ids the model reads, #LLAVA_IMAGE_TOKEN at the places of pictures. The template "none"
 * takes the parts as they are, after one begin mark.
 *
 * @param model     the model
 * @param messages  `count` messages; a system message may come first
 * @param count     at least 1
 * @param options   NULL for defaults
 * @param ids       receives the ids, or NULL to ask for the number
 * @param capacity  room in `ids`, in numbers
 * @param id_count  receives the number of ids
 * @return as llava_apply_template(); BUFFER_TOO_SMALL. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_prompt_ids(const llava_model *model,
                                                                   const llava_message *const *messages, int32_t count,
                                                                   const llava_template_options *options, int32_t *ids,
                                                                   size_t capacity, size_t *id_count);

#ifdef __cplusplus
}
#endif

#endif
