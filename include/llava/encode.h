/**
 * @file encode.h
 * The path of a picture through the model, step by step: the pixels the tower sees, its features, the rows the language
 * model reads; and the language model itself as a function from ids and rows to logits. For caches, research and
 * checking.
 */
#ifndef LLAVA_ENCODE_H
#define LLAVA_ENCODE_H

#include "base.h"
#include "image.h"
#include "model.h"
#include "tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One encoded picture. It never changes and may be used in any number of messages and sessions. Since 0.1. */
typedef struct llava_embedding llava_embedding;

/** In a list of token ids: the place of the next embedding. */
#define LLAVA_IMAGE_TOKEN (-200)

/** As `layer` in options: the layer the checkpoint names. */
#define LLAVA_LAYER_CONFIGURED 2147483647

/** What encoding ends with. */
enum {
  LLAVA_ENCODE_PROJECTED = 0, /**< rows the language model reads, [P, D] */
  LLAVA_ENCODE_FEATURES = 1   /**< features of the vision tower before the projector, [P, C]; of a model that cuts
                                   pictures [T * P, C], tile after tile, the whole picture first */
};

/** How a picture is encoded. Fill with llava_encode_options_init(). Since 0.1. */
typedef struct llava_encode_options {
  uint32_t struct_size; /**< set by llava_encode_options_init() */
  int32_t output;       /**< LLAVA_ENCODE_PROJECTED (default) or LLAVA_ENCODE_FEATURES */
  int32_t layer;        /**< hidden state of the tower: 0 before block 1, -1 last; #LLAVA_LAYER_CONFIGURED (default) */
  int32_t class_token;  /**< keep the row of the class token: -1 (default) as the checkpoint says, 0 no, 1 yes: not
                             with rows of tiles that are laid out as one map (LLaVA-NeXT, projected) */
  llava_cancel *cancel; /**< looked at once a layer; NULL for none */
  const char *adapter;  /**< name of an adapter in memory (adapter.h); "": none; NULL (default): the attached one */
  float adapter_scale;  /**< what that adapter's products are multiplied with; default 1 */
  uint32_t adapter_reserved; /**< 0 */
} llava_encode_options;

/** What an embedding is. Filled by llava_embedding_info(). Since 0.1. */
typedef struct llava_embedding_desc {
  uint32_t struct_size;  /**< set by the caller */
  int32_t output;        /**< LLAVA_ENCODE_PROJECTED or LLAVA_ENCODE_FEATURES */
  int32_t tokens;        /**< rows */
  int32_t width;         /**< columns */
  char image_sha256[72]; /**< hash of the picture it came from (llava_image_info()); "" for one made from a tensor */
  char model_fingerprint[72]; /**< the model it belongs to */
} llava_embedding_desc;

/** What llava_forward() returns. */
enum {
  LLAVA_FORWARD_LOGITS = 0, /**< [L', V] */
  LLAVA_FORWARD_HIDDEN = 1  /**< hidden states after the final norm, [L', D] */
};

/** How the language model is run. Fill with llava_forward_options_init(). Since 0.1. */
typedef struct llava_forward_options {
  uint32_t struct_size; /**< set by llava_forward_options_init() */
  int32_t output;       /**< LLAVA_FORWARD_LOGITS (default) or LLAVA_FORWARD_HIDDEN */
  int32_t last_only;    /**< 1: the last position only, [1, …]; default 0 */
  uint32_t reserved;    /**< 0 */
  llava_cancel *cancel; /**< looked at once a layer; NULL for none */
  const char *adapter;  /**< name of an adapter in memory (adapter.h); "": none; NULL (default): the attached one */
  float adapter_scale;  /**< what that adapter's products are multiplied with; default 1 */
  uint32_t adapter_reserved; /**< 0 */
} llava_forward_options;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_encode_options_init(llava_encode_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"output": "features", "layer": -1}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns texts and lists; NULL inside, as this struct has none. May be NULL
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_encode_options_from_json(llava_encode_options *options,
                                                                                 size_t struct_size, const char *json,
                                                                                 llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_encode_options_to_json(const llava_encode_options *options,
                                                                               llava_string **out);

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_forward_options_init(llava_forward_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"output": "hidden", "last_only": true}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns texts and lists; NULL inside, as this struct has none. May be NULL
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_forward_options_from_json(llava_forward_options *options,
                                                                                  size_t struct_size, const char *json,
                                                                                  llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_forward_options_to_json(const llava_forward_options *options,
                                                                                llava_string **out);

/**
 * The exact numbers the vision tower sees: padded, cropped or cut into tiles, resized and normalised as the checkpoint
 * says.
 *
 * @param model   the model
 * @param image   the picture
 * @param cancel  NULL for none
 * @param out     receives [3, S, S], or [T, 3, S, S] of a model that cuts pictures (LLaVA-NeXT): the whole picture,
 *                then the tiles in reading order; f32, on the CPU; release with llava_tensor_free()
 * @return LLAVA_OK; LIMIT, CANCELLED, TIMEOUT. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_preprocess(llava_model *model, const llava_image *image,
                                                                         llava_cancel *cancel, llava_tensor **out);

/**
 * Tells how many positions of the context a picture takes. Only its size is looked at, no pixel.
 *
 * @param model   the model
 * @param image   the picture
 * @param tokens  receives the number: the rows llava_encode_image() will make of it, projected, with default options
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_tokens(const llava_model *model, const llava_image *image,
                                                                     int64_t *tokens);

/**
 * Encodes one picture into features that the language model can read.
 *
 * @param model    the model
 * @param image    the picture
 * @param options  NULL for defaults
 * @param out      receives the embedding; release with llava_embedding_free()
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a layer the tower does not have (or that was not loaded); LIMIT,
 *         CANCELLED, TIMEOUT, DEVICE_MEMORY, DEVICE. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_encode_image(llava_model *model, const llava_image *image,
                                                                     const llava_encode_options *options,
                                                                     llava_embedding **out);

/**
 * Encodes several pictures: all or none. They go through the tower in groups of eight; tiles one by one.
 *
 * @param model    the model
 * @param images   `count` pictures
 * @param count    at least 1
 * @param options  NULL for defaults
 * @param out      room for `count` embeddings, all NULL on failure; release each with llava_embedding_free()
 * @return as llava_encode_image(). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_encode_images(llava_model *model,
                                                                      const llava_image *const *images, int32_t count,
                                                                      const llava_encode_options *options,
                                                                      llava_embedding **out);

/**
 * Describes an embedding.
 *
 * @param embedding  the embedding
 * @param out        struct_size set; receives the description
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_embedding_info(const llava_embedding *embedding,
                                                                       llava_embedding_desc *out);

/**
 * The numbers of an embedding.
 *
 * @param embedding  the embedding
 * @param out        receives [tokens, width], f32, on the CPU; release with llava_tensor_free()
 * @return LLAVA_OK; DEVICE. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_embedding_tensor(const llava_embedding *embedding,
                                                                         llava_tensor **out);

/**
 * Makes an embedding of rows computed elsewhere, for example by another vision tower. It counts as made with the
 * adapter that is attached, where that changes pictures.
 *
 * @param model   the model whose language model will read the rows
 * @param tensor  [tokens, D], finite
 * @param out     receives the embedding; release with llava_embedding_free()
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for another shape, or a number that is not finite. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_embedding_from_tensor(llava_model *model,
                                                                              const llava_tensor *tensor,
                                                                              llava_embedding **out);

/**
 * Writes an embedding to a safetensors file; the file is whole or absent.
 *
 * @param embedding  the embedding
 * @param path       the file, replaced when it exists
 * @return LLAVA_OK; NOT_FOUND (the directory), IO. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_embedding_save(const llava_embedding *embedding,
                                                                       const char *path);

/**
 * Reads an embedding that llava_embedding_save() wrote.
 *
 * @param model  the model it was made with
 * @param path   the file
 * @param out    receives the embedding; release with llava_embedding_free()
 * @return LLAVA_OK; NOT_FOUND, IO, FORMAT; UNSUPPORTED when it belongs to another model, or to this one with another
 *         adapter than the attached one. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_embedding_load(llava_model *model, const char *path,
                                                                       llava_embedding **out);

/**
 * Adds a reference.
 *
 * @param embedding  the embedding
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_embedding_retain(llava_embedding *embedding);

/**
 * Gives a reference back.
 *
 * @param embedding  an embedding, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_embedding_free(llava_embedding *embedding);

/**
 * Runs the language model over raw token ids, with embeddings at the places marked #LLAVA_IMAGE_TOKEN. Nothing is
 * added: no begin mark, no template.
 *
 * @param model            the model
 * @param ids              `id_count` numbers: token ids, and #LLAVA_IMAGE_TOKEN once for each embedding; not the id the
 *                         checkpoint itself writes where a picture stands (image_token_index)
 * @param id_count         at least 1
 * @param embeddings       projected embeddings in order; NULL when `embedding_count` is 0
 * @param embedding_count  as many as there are places
 * @param options          NULL for defaults
 * @param out              receives f32 on the CPU: one row for each token and each row of the embeddings; release with
 *                         llava_tensor_free()
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT with position and id; CONTEXT_FULL with needed and limit, CANCELLED,
 *         TIMEOUT, DEVICE_MEMORY, DEVICE. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL
llava_forward(llava_model *model, const int32_t *ids, int64_t id_count, const llava_embedding *const *embeddings,
              int32_t embedding_count, const llava_forward_options *options, llava_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
