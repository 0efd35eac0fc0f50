/**
 * @file checkpoint.h
 * Checkpoints on disk: what one is before it is loaded, writing one in another layout, putting delta weights together.
 */
#ifndef LLAVA_CHECKPOINT_H
#define LLAVA_CHECKPOINT_H

#include "base.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Layouts a checkpoint can be written in. Since 0.1. */
enum {
  LLAVA_LAYOUT_KEEP = 0,    /**< the one it has; Hugging Face's for parts from several places */
  LLAVA_LAYOUT_HF = 1,      /**< LlavaForConditionalGeneration, as transformers opens it */
  LLAVA_LAYOUT_ORIGINAL = 2 /**< the original repository's; the vision tower in the sub-folder vision_tower */
};

/** How a checkpoint is written. Fill with llava_save_options_init(). Since 0.1. */
typedef struct llava_save_options {
  uint32_t struct_size;            /**< set by llava_save_options_init() */
  int32_t layout;                  /**< LLAVA_LAYOUT_…; llava_merge_delta() keeps the delta's names */
  int32_t dtype;                   /**< of all numbers; LLAVA_DTYPE_AUTO (default): as stored, byte for byte */
  int32_t overwrite;               /**< 1: a model folder of that name gives way; 0 (default): it is an error */
  int64_t shard_bytes;             /**< most bytes of tensors in one file; default 5 000 000 000 */
  const char *vision_tower;        /**< llava_convert(): folder of the vision tower, as in llava_load_options; NULL */
  const char *projector;           /**< llava_convert(): file of the projector, as in llava_load_options; NULL */
  llava_load_progress_fn progress; /**< phase "save"; NULL for none */
  void *progress_user_data;        /**< handed to `progress` */
  llava_cancel *cancel;            /**< looked at before every tensor; NULL for none */
} llava_save_options;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_save_options_init(llava_save_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"layout": "hf", "dtype": "bf16"}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the texts the struct points to; release after the last use of `options`. NULL
 * inside when there are none; may be NULL itself when no field of `json` is a text
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_save_options_from_json(llava_save_options *options,
                                                                               size_t struct_size, const char *json,
                                                                               llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles and callbacks have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_save_options_to_json(const llava_save_options *options,
                                                                             llava_string **out);

/**
 * Says what loading a checkpoint would find and take, without reading its weights (headers and small files alone):
 * layout and family, where each part lies, sizes, parameters, memory for weights and keys and values per device and
 * dtype, the template and why, tensors that are not used, and under "problems" everything a load would fail with.
 * "loadable" is true when there is none; "vision" is null when nothing tells how large a tower is that is missing,
 * "memory" when tensors are missing. "pictures" has the "mode", "pad" (to a square), "square" (its middle) or "anyres"
 * (tiles), and whether a file has "named" it; null when nothing tells. `llava info` prints it.
 *
 * @param path     the directory
 * @param options  as for llava_load(); NULL for defaults
 * @param out      receives a JSON object; release with llava_string_free()
 * @return LLAVA_OK, also for a checkpoint with problems: a vision tower, shards or a tokenizer that are missing or
 * damaged; NOT_FOUND, IO, FORMAT, UNSUPPORTED or LIMIT when it has no configuration that can be understood, CANCELLED,
 * TIMEOUT. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_load_plan(const char *path, const llava_load_options *options,
                                                                  llava_string **out);

/**
 * Writes a loaded model to a directory, from the files it was loaded from. No more than one tensor is in memory beside
 * the mapped files; the directory appears under its name when it is complete. An attached adapter is not written, which
 * the log says; llava_adapter_merge() writes both.
 *
 * @param model    the model
 * @param target   the directory to make
 * @param options  NULL for defaults
 * @return LLAVA_OK; INVALID_ARGUMENT (the target is there), IO (also: the model's files have changed), UNSUPPORTED (the
 *         layout has no place for a part), CANCELLED, TIMEOUT, CALLBACK. On failure nothing is left behind. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_save(const llava_model *model, const char *target,
                                                             const llava_save_options *options);

/**
 * Writes a checkpoint in another layout or dtype without loading the model; otherwise as llava_save().
 *
 * @param path     the directory to read: anything llava_load() opens
 * @param target   the directory to make
 * @param options  NULL for defaults
 * @return LLAVA_OK; what llava_load() and llava_save() answer. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_convert(const char *path, const char *target,
                                                                const llava_save_options *options);

/**
 * Adds delta weights (LLaVA v0, v1.1) to the LLaMA they were made from and writes the model, tensor by tensor.
 *
 * @param path     the directory of the base, in Hugging Face's format
 * @param delta    the directory of the delta
 * @param target   the directory to make
 * @param options  NULL for defaults; layout, vision_tower and projector must be left alone
 * @return LLAVA_OK; FORMAT naming the tensors when the two do not belong together; what llava_save() answers.
 * Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_merge_delta(const char *path, const char *delta,
                                                                    const char *target,
                                                                    const llava_save_options *options);

#ifdef __cplusplus
}
#endif

#endif
