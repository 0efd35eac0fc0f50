/**
 * @file adapter.h
 * LoRA adapters: small matrices that were trained beside a model, in memory as many as wanted, chosen call by call.
 *
 * A folder as PEFT and LLaVA's training write it is read: adapter_config.json, adapter_model.safetensors or .bin, and
 * non_lora_trainables.bin. What was trained on a quantised base (QLoRA) is used beside the f16 or bf16 model. The
 * model's weights are never written to; a layer gives W x + b + scale * alpha / r * B (A x). Tensors that were trained
 * whole (a projector, biases, modules_to_save) take the place of the model's own at any scale.
 *
 * Which adapter a call uses: the one its options name (`adapter`: its name; "" for none), else the one its session
 * names, else the attached one, else none. A session computes its keys and values again when the adapter is another
 * one, and encodes its pictures again when that changes them; embeddings that came as numbers are refused then.
 */
#ifndef LLAVA_ADAPTER_H
#define LLAVA_ADAPTER_H

#include "base.h"
#include "checkpoint.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An adapter in memory, for one model. It never changes. Since 0.1. */
typedef struct llava_adapter llava_adapter;

/** How an adapter is loaded. Fill with llava_adapter_options_init(). Since 0.1. */
typedef struct llava_adapter_options {
  uint32_t struct_size; /**< set by llava_adapter_options_init() */
  int32_t verify;       /**< 1: look for NaN and infinity, and check the files' checksums; default 0 */
  const char *name;     /**< what calls choose it by; NULL (default): the folder's name */
  llava_cancel *cancel; /**< looked at before every tensor; NULL for none */
} llava_adapter_options;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_adapter_options_init(llava_adapter_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"name": "drawings"}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the texts the struct points to; release after the last use of `options`. NULL
 *                     inside when there are none; may be NULL itself when no field of `json` is a text
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_adapter_options_from_json(llava_adapter_options *options,
                                                                                  size_t struct_size, const char *json,
                                                                                  llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles and callbacks have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_adapter_options_to_json(const llava_adapter_options *options,
                                                                                llava_string **out);

/**
 * Loads an adapter for a model, without attaching it. Its files are mapped: keep them unchanged while it lives,
 * or load the model with no_mmap, which holds for its adapters too.
 *
 * @param model    the model
 * @param path     the directory
 * @param options  NULL for defaults
 * @param out      receives the adapter; release with llava_adapter_free()
 * @return LLAVA_OK; NOT_FOUND (the directory or a file), FORMAT (damaged, or a matrix without its other half),
 *         UNSUPPORTED (made for other shapes or layers, or no plain LoRA), each naming all tensors at fault;
 *         INVALID_ARGUMENT for a name that a living adapter of the model has; IO, LIMIT, CANCELLED. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_adapter_load(llava_model *model, const char *path,
                                                                     const llava_adapter_options *options,
                                                                     llava_adapter **out);

/**
 * Makes an adapter the one of all calls that name none. Calls and streams under way go on as they began. Safe beside
 * any other call.
 *
 * @param model    the model; keeps the adapter alive until it is detached
 * @param adapter  loaded for this model
 * @param scale    what its products are multiplied with, within ±1e6; 1 is how it was trained
 * @return LLAVA_OK; INVALID_ARGUMENT (NaN, an adapter of another model); STATE while one is attached. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_adapter_attach(llava_model *model, const llava_adapter *adapter, float scale);

/**
 * Ends llava_adapter_attach(), or what llava_load() attached: the model computes bit for bit what it did before.
 *
 * @param model  the model
 * @return LLAVA_OK; STATE when none is attached. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_adapter_detach(llava_model *model);

/**
 * What an adapter is, as JSON: name, path, rank, alpha, layers, targets, replaced tensors, parameters, bytes.
 * llava_model_info_json() lists the adapters of a model under "adapters".
 *
 * @param adapter  the adapter
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_adapter_info_json(const llava_adapter *adapter,
                                                                          llava_string **out);

/**
 * Writes the model with an adapter in its weights to a directory, a checkpoint of its own; otherwise as llava_save().
 * The sums are taken in f32 and rounded to the dtype that is written.
 *
 * @param model    the model
 * @param adapter  loaded for this model, attached or not
 * @param scale    as for llava_adapter_attach()
 * @param target   the directory to make
 * @param options  NULL for defaults; vision_tower and projector must be left alone
 * @return LLAVA_OK; INVALID_ARGUMENT (NaN, an adapter of another model, the target is there); what llava_save()
 *         answers. On failure nothing is left behind. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_adapter_merge(const llava_model *model,
                                                                      const llava_adapter *adapter, float scale,
                                                                      const char *target,
                                                                      const llava_save_options *options);

/**
 * Adds a reference.
 *
 * @param adapter  the adapter
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_adapter_retain(llava_adapter *adapter);

/**
 * Gives a reference back. The last one takes the adapter out of memory, unless it is attached, or a session that names
 * it or a call under way needs it.
 *
 * @param adapter  an adapter, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_adapter_free(llava_adapter *adapter);

#ifdef __cplusplus
}
#endif

#endif
