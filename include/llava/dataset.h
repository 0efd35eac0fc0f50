/**
 * @file dataset.h
 * Training data: LLaVA's JSON or JSONL of conversations about pictures, looked at before anything is trained on it.
 *
 * A record is {"id", "image", "conversations": [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt",
 * "value": "A bus."}]}; other keys are ignored. "image" is a path below the folder of pictures or a list of them, and
 * is absent where there is none; "<image>" stands once for each, in the human's words.
 */
#ifndef LLAVA_DATASET_H
#define LLAVA_DATASET_H

#include "base.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Which tokens are learned. Since 0.1. */
enum {
  LLAVA_LABELS_SPANS = 0,   /**< the assistant's words and end marks, told while the ids are made; no sample is lost */
  LLAVA_LABELS_UPSTREAM = 1 /**< the original's rules with their quirks; some samples are dropped by them */
};

/** Where the picture of the first question goes. Since 0.1. */
enum {
  LLAVA_IMAGE_FIRST = 0,      /**< before the text, as LLaVA-1.5 does */
  LLAVA_IMAGE_AS_WRITTEN = 1, /**< where the record has it */
  LLAVA_IMAGE_RANDOM = 2      /**< before or behind the text, drawn by `seed` and the record's id */
};

/** How closely pictures are looked at. Since 0.1. */
enum {
  LLAVA_PICTURES_WHOLE = 0,  /**< decoded */
  LLAVA_PICTURES_HEADER = 1, /**< there, a picture, within the limits */
  LLAVA_PICTURES_SKIP = 2    /**< not at all */
};

/** How a data file is looked at. Fill with llava_dataset_options_init(). Since 0.1. */
typedef struct llava_dataset_options {
  uint32_t struct_size;            /**< set by llava_dataset_options_init() */
  int32_t labels;                  /**< LLAVA_LABELS_… */
  int32_t image_place;             /**< LLAVA_IMAGE_… */
  int32_t pictures;                /**< LLAVA_PICTURES_… */
  int32_t allow_outside;           /**< 1: pictures may lie anywhere; 0 (default): below image_root alone */
  int32_t threads;                 /**< that read records and decode pictures; default 2 */
  int64_t max_length;              /**< positions of a sample, pictures included; 0 (default): the model's context */
  int64_t seed;                    /**< of LLAVA_IMAGE_RANDOM; default 42 */
  const char *image_root;          /**< folder of the pictures; NULL (default): the data file's */
  const char *template_name;       /**< NULL (default): the model's */
  llava_load_progress_fn progress; /**< phases "index" (bytes) and "check" (records); NULL for none */
  void *progress_user_data;        /**< handed to `progress` */
  llava_cancel *cancel;            /**< looked at all the time; NULL for none */
} llava_dataset_options;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_dataset_options_init(llava_dataset_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"image_root": "coco", "max_length": 2048}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the texts the struct points to; release after the last use of `options`. NULL
 * inside when there are none; may be NULL itself when no field of `json` is a text
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_dataset_options_from_json(llava_dataset_options *options,
                                                                                  size_t struct_size, const char *json,
                                                                                  llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles and callbacks have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_dataset_options_to_json(const llava_dataset_options *options,
                                                                                llava_string **out);

/**
 * Looks at a whole data file with the eyes of a model: reads every record, makes its tokens and labels, cuts them to
 * the longest length, looks at its pictures. No weight is read.
 *
 * The report is a JSON object: "records", "usable", "unusable", "problems" (how many of each kind), "bad" (a list with
 * record from 1, byte, problem and message of every record that cannot be used, and its id, "" where the
 * record itself is broken: the message names it there), "tokens" and "learned_tokens"
 * (total, median, p95, longest), "cut", "cut_first" (some of them: record, id, length), "pictures", "text_only",
 * "turns", "duplicate_ids" and what else is odd. Records that cannot be used are no failure of the call.
 *
 * @param path        the data file: a JSON list, or JSONL
 * @param model_path  the directory of the model: its tokenizer, template and picture size decide
 * @param options     NULL for defaults
 * @param out         receives the report; release with llava_string_free()
 * @return LLAVA_OK; NOT_FOUND, IO, FORMAT or LIMIT with record, line and byte when the file as a whole cannot be read;
 * what llava_load_plan() answers for the model; UNSUPPORTED (the template has no upstream rule), CANCELLED, TIMEOUT,
 * CALLBACK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_dataset_check(const char *path, const char *model_path,
                                                                      const llava_dataset_options *options,
                                                                      llava_string **out);

#ifdef __cplusplus
}
#endif

#endif
