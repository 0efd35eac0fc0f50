/**
 * @file model.h
 * Loading a model and asking what it is. A loaded model never changes and serves any number of sessions and threads.
 */
#ifndef LLAVA_MODEL_H
#define LLAVA_MODEL_H

#include "base.h"
#include "tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Vision tower, projector, language model, tokenizer and templates, ready to use. Since 0.1. */
typedef struct llava_model llava_model;

/** Answer of a ::llava_load_progress_fn that stops loading; llava_load() then returns LLAVA_ERR_CANCELLED. */
#define LLAVA_LOAD_ABORT 1

/**
 * Hears how loading goes on; runs on the loading thread.
 *
 * @param phase        what is being done: "weights", then "warm-up"
 * @param bytes_done   of the weights
 * @param bytes_total  of the weights; 0 while unknown
 * @param item         the tensor or file at hand, "" for none; valid during the call
 * @param user_data    as given in the options
 * @return 0 to go on, #LLAVA_LOAD_ABORT to stop, negative for a failure. Since 0.1.
 */
typedef int32_t(LLAVA_CALL *llava_load_progress_fn)(const char *phase, int64_t bytes_done, int64_t bytes_total,
                                                    const char *item, void *user_data);

/** Whose rule cuts a picture into tiles and counts its rows, for checkpoints of LLaVA-NeXT (1.6). The original
 * repository and transformers differ for some sizes: they read the two numbers of a grid in opposite order, so that of
 * equally good grids another one is taken, and they round differently when padding is left out. */
enum {
  LLAVA_TILES_AUTO = 0,     /**< by the checkpoint's layout */
  LLAVA_TILES_ORIGINAL = 1, /**< the original repository's */
  LLAVA_TILES_HF = 2        /**< transformers' */
};

/** How a model is loaded. Fill with llava_load_options_init(). Since 0.1. */
typedef struct llava_load_options {
  uint32_t struct_size; /**< set by llava_load_options_init() */
  int32_t dtype; /**< dtype of the weights; LLAVA_DTYPE_AUTO (default): the checkpoint's on a CUDA card and the CPU */
  const char *device;              /**< "cpu", "cuda:0", …; NULL (default) is "auto": the first card, else the CPU */
  const char *template_name;       /**< conversation template (llava_template_name()); NULL: as the checkpoint says */
  int64_t max_context;             /**< positions a session may hold; 0 (default): as the checkpoint says */
  llava_load_progress_fn progress; /**< NULL for none */
  void *progress_user_data;        /**< handed to `progress` */
  llava_cancel *cancel;            /**< looked at every 4 MiB; NULL for none */
  int32_t verify;    /**< 1: look for NaN and infinity in every weight, and check the files' checksums; default 0 */
  uint32_t reserved; /**< 0 */
  const char *vision_tower; /**< folder of a CLIP tower, used instead of any other; NULL (default): the one inside the
                                 checkpoint, or the one it names: looked for inside and beside its folder and in the
                                 Hugging Face cache, never downloaded */
  const char *projector; /**< file with a projector (mm_projector), used instead of any other; NULL: the checkpoint's */
  const char *adapter; /**< directory of a LoRA (adapter.h), attached under its directory's name; its projector makes a
                              language model a LLaVA; NULL (default): none */
  float adapter_scale; /**< what the adapter's products are multiplied with; default 1 */
  int32_t tile_rule;   /**< LLAVA_TILES_AUTO (default), ORIGINAL or HF; models that do not cut pictures disregard it */
  int32_t
      allow_pickle; /**< 1 (default): torch's files (.bin, .pt) are read too, by a reader that runs nothing of them; 0:
                             they are LLAVA_ERR_UNSUPPORTED, and so they are to adapters of this model */
  uint32_t pickle_reserved; /**< 0 */
  int32_t
      no_mmap; /**< 1: weights and adapters are read into memory of the process, which then holds as much as their files
                        are large and shares none of it with others; loading reads every byte. What becomes of the files
                        later matters to llava_save() and merging alone, which read them again. 0 (default): they are
                        mapped. A file that was cut or written to since is LLAVA_ERR_IO, naming it, from every call that
                        begins to compute; the model can still be released. Known gap: one that is cut while such a call
                        runs, or a stream is pulled, ends the process (SIGBUS), which no library can prevent. Files
                        that are replaced (rename) or removed do no harm */
  uint32_t mmap_reserved; /**< 0 */
} llava_load_options;

/** What a model can take. Filled by llava_model_limits(). Since 0.1. */
typedef struct llava_limits {
  uint32_t struct_size;     /**< set by the caller */
  int32_t context;          /**< positions a session may hold */
  int32_t tokens_per_image; /**< positions one picture takes; where that depends on its size (LLaVA-NeXT), the most:
                                 llava_image_tokens() tells of each */
  int32_t image_size;       /**< side of the square the vision tower sees, in pixels */
  int32_t vocabulary;       /**< token ids are 0 … vocabulary - 1 */
  int32_t width;            /**< width D of the language model */
  int32_t layers;           /**< blocks of the language model */
  int32_t vision_width;     /**< width C of the vision tower */
  int32_t vision_layers;    /**< blocks of the vision tower */
  int32_t image_count;      /**< pictures one message may hold */
} llava_limits;

/** What a model takes up. Filled by llava_model_memory(). Since 0.1. */
typedef struct llava_model_usage {
  uint32_t struct_size;          /**< set by the caller */
  int32_t device;                /**< device number (device.h) */
  int64_t weight_bytes;          /**< weights, mapped from files or copied */
  int64_t cache_bytes_per_token; /**< keys and values a session keeps for each position */
} llava_model_usage;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_load_options_init(llava_load_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"device": "cpu", "dtype": "f32"}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the texts the struct points to; release after the last use of `options`. NULL
 *                     inside when there are none; may be NULL itself when no field of `json` is a text
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_load_options_from_json(llava_load_options *options,
                                                                               size_t struct_size, const char *json,
                                                                               llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles and callbacks have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_load_options_to_json(const llava_load_options *options,
                                                                             llava_string **out);

/**
 * Loads a model from a checkpoint directory: Hugging Face's LlavaForConditionalGeneration or
 * LlavaNextForConditionalGeneration, the original repository's layout, or a LLaMA or Mistral with options->projector
 * (or an adapter that brings one) and options->vision_tower. Weights are mapped from the files: keep those unchanged
 * while the model lives, or set options->no_mmap.
 *
 * @param path     the directory
 * @param options  NULL for defaults
 * @param out      receives the model; release with llava_model_free()
 * @return LLAVA_OK; NOT_FOUND (a file or tensor, named), IO, FORMAT (damaged, or parts that do not fit each other),
 *         UNSUPPORTED (another family, a device or dtype that cannot be had), LIMIT, CANCELLED, TIMEOUT, CALLBACK,
 *         DEVICE_MEMORY, DEVICE.
 *
 * Known gap: sentencepiece cannot bear a refused allocation. The memory it needs is made sure of before it is called
 * (else OUT_OF_MEMORY); if another thread takes that memory in the milliseconds between, the process ends. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_load(const char *path, const llava_load_options *options,
                                                             llava_model **out);

/**
 * All that is known about a model as JSON: family, sizes, dtype, device, template and why it was chosen, fingerprint.
 *
 * @param model  the model
 * @param out    receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_model_info_json(const llava_model *model, llava_string **out);

/**
 * Tells what a model can take.
 *
 * @param model  the model
 * @param out    struct_size set; receives the numbers
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_model_limits(const llava_model *model, llava_limits *out);

/**
 * Tells what a model takes up.
 *
 * @param model  the model
 * @param out    struct_size set; receives the numbers
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_model_memory(const llava_model *model, llava_model_usage *out);

/**
 * Adds a reference.
 *
 * @param model  the model
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_model_retain(llava_model *model);

/**
 * Gives a reference back. Sessions and embeddings made from the model keep it alive.
 *
 * @param model  a model, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_model_free(llava_model *model);

#ifdef __cplusplus
}
#endif

#endif
