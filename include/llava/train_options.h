/**
 * @file train_options.h
 * What a training run (train.h) is told: the recipe, what it reads and where it writes, and who hears of it.
 */
#ifndef LLAVA_TRAIN_OPTIONS_H
#define LLAVA_TRAIN_OPTIONS_H

#include "base.h"
#include "dataset.h"
#include "tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** In a field of llava_train_options: as the preset says. Since 0.1. */
#define LLAVA_PRESET (-1)

/** How the learning rate goes. Since 0.1. */
enum {
  LLAVA_SCHEDULE_COSINE = 0,   /**< warm-up, then half a cosine down to 0 */
  LLAVA_SCHEDULE_LINEAR = 1,   /**< warm-up, then straight down to 0 */
  LLAVA_SCHEDULE_CONSTANT = 2, /**< warm-up, then the peak */
  LLAVA_SCHEDULE_WSD = 3       /**< warm-up, the peak, then straight down to 0 over the last `decay_ratio` of the run */
};

/** How the loss of a step is averaged. Since 0.1. */
enum {
  LLAVA_LOSS_GROUP = 0, /**< over the learned tokens of a micro-batch, then over micro-batches: the published runs' */
  LLAVA_LOSS_GLOBAL = 1 /**< over all learned tokens of the step */
};

/** In which order samples are seen: a function of seed and epoch alone. Since 0.1. */
enum {
  LLAVA_ORDER_SEQUENTIAL = 0, /**< as in the file */
  LLAVA_ORDER_SHUFFLED = 1,   /**< by the seed */
  LLAVA_ORDER_GROUPED = 2,    /**< batches of pictures or of texts alone, micro-batches about equally long */
  LLAVA_ORDER_UPSTREAM = 3    /**< the original's group_by_modality_length */
};

/** In which order the gradients of a step's micro-batches are added up: it decides last digits. Since 0.1. */
enum {
  LLAVA_SUM_TREE = 0, /**< two by two, as a binary counter; of 8 micro-batches three sums are in memory, of 16 four */
  LLAVA_SUM_CHAIN = 1 /**< each to the sum of those before it; needs one sum, whatever their number */
};

/** What is computed twice to save memory; the result is the same to the bit. Since 0.1. */
enum {
  LLAVA_RECOMPUTE_AUTO = 0,  /**< cheap */
  LLAVA_RECOMPUTE_NONE = 1,  /**< nothing */
  LLAVA_RECOMPUTE_CHEAP = 2, /**< norms and the product of SwiGLU */
  LLAVA_RECOMPUTE_FULL = 3   /**< each block of the language model */
};

/** Whether sums have one order on any number of ranks. Since 0.1. */
enum {
  LLAVA_DETERMINISTIC_AUTO = 0, /**< on, on the CPU; on a card on, but for attention's gradient, which is faster */
  LLAVA_DETERMINISTIC_ON = 1,   /**< parameters are the same to the bit on 1, 2, 3 … ranks */
  LLAVA_DETERMINISTIC_OFF = 2   /**< less to send; the last digits depend on the number of ranks */
};

/** Answers of a llava_train_event_fn. Since 0.1. */
enum {
  LLAVA_TRAIN_GO_ON = 0, /**< nothing special */
  LLAVA_TRAIN_STOP = 1   /**< as llava_trainer_request_stop() */
};

/**
 * Hears what happens in a run; runs on the thread that trains.
 *
 * @param event      a JSON object; "event" is start, progress, step, estimate, skipped, diverged, evaluation, answer,
 *                   saved, save_failed, result or warning. A step has step, steps, epoch, loss, lr, grad_norm, samples,
 *                   tokens, labels, seconds, data_seconds, samples_per_second, tokens_per_second, tflops, eta_seconds,
 *                   resident_bytes, where it is so clipped, empty (all records left out) and cut (samples), on a card
 *                   device_bytes, and mfu where its peak is known; an estimate, after ten, seconds_per_step and
 *                   seconds_left; valid during the call
 * @param user_data  as given in the options
 * @return LLAVA_TRAIN_GO_ON, LLAVA_TRAIN_STOP, or negative for a failure. Since 0.1.
 */
typedef int32_t(LLAVA_CALL *llava_train_event_fn)(const char *event, void *user_data);

/**
 * How a stage is trained. Fill with llava_train_options_init(); `data` and `out_dir` must be set. Numbers that are
 * LLAVA_PRESET, the default of all that do not say otherwise, are the preset's. Since 0.1.
 */
typedef struct llava_train_options {
  uint32_t struct_size; /**< set by llava_train_options_init() */
  int32_t stage;        /**< 1 (default): feature alignment, the projector learns; 2: instruction tuning, the language
                                  model learns too */
  const char *preset;   /**< "llava-1.5" (NULL, the default), "llava-1.5-lora", "llava-1.5-qlora" (stage 2), "llava-v0",
                                  "scienceqa" (stage 2), "custom" (clipping at 1, mean over all tokens of a step) */
  const char *data;     /**< LLaVA's JSON or JSONL of records */
  const char *image_root; /**< folder of all pictures; NULL (default): that of the file whose records name them */
  const char *out_dir;    /**< folder of the run: new, empty, or the run that is to go on */
  const char *resume;     /**< "auto" (NULL, the default): go on where the run in out_dir stopped, from the beginning if
                                  there is none; "never": refuse a folder that holds a run; else the folder of a snapshot */
  const char *eval_data;  /**< held-out records; NULL (default): none */
  const char *learns;     /**< regular expression (ECMAScript) over parameter names, fitting the whole name:
                                  projector.linear_1.weight, language.layers.0.self_attn.q_proj.weight,
                                  language.embed_tokens.weight, language.norm.weight, lm_head.weight; NULL (default): the
                                  stage's, projector.* or everything but the vision tower */
  const char *template_name; /**< conversation template; NULL (default): the preset's: plain, v1 or v0 */
  const char *vision_tower;  /**< as in llava_load_options */
  const char *projector;     /**< as in llava_load_options */
  const char *new_projector; /**< "mlp2x_gelu", "linear" …: the model begins with a projector that has learned nothing,
                                  drawn by `seed`; with vision_tower a language model alone becomes a LLaVA; NULL
                                  (default): the checkpoint's */
  double lr;                 /**< peak learning rate, 0 to 100 */
  double projector_lr;       /**< of the projector; default: lr */
  double vision_lr;          /**< of the vision tower, where it learns; default: lr */
  double weight_decay;       /**< of matrices, not of norms and biases; the presets' is 0 */
  double beta1;              /**< of AdamW; the presets' is 0.9 */
  double beta2;              /**< of AdamW; the presets' is 0.999 */
  double epsilon;            /**< of AdamW; the presets' is 1e-8 */
  double warmup_ratio;       /**< steps of warm-up, of all; rounded up */
  double clip;               /**< largest norm of a step's gradient; 0 for no bound, as in the published runs */
  int64_t batch;             /**< samples of a step, over all ranks */
  int64_t micro_batch;       /**< samples that go through the model together; a divisor of `batch` */
  int64_t epochs;            /**< times the data are seen */
  int64_t steps;             /**< length of the run instead of `epochs`; 0 (default): by the epochs */
  int64_t max_length;    /**< positions of a sample, pictures counted: what is longer is cut; 0: the model's context */
  int64_t warmup_steps;  /**< instead of warmup_ratio */
  int64_t seed;          /**< of orders and draws; default 42 */
  int64_t save_every;    /**< steps between snapshots; 0 (default): at the end and when stopped */
  int64_t keep;          /**< snapshots that are kept; default 2 */
  int64_t eval_every;    /**< steps between evaluations on eval_data; 0 (default): at the end */
  int64_t skip_bad;      /**< records that may be unusable: each is named and left out; 0 (default): the first stops the
                                  run; -1: any number */
  int32_t schedule;      /**< LLAVA_SCHEDULE_… */
  int32_t loss_mean;     /**< LLAVA_LOSS_… */
  int32_t order;         /**< LLAVA_ORDER_… */
  int32_t image_place;   /**< LLAVA_IMAGE_… of dataset.h */
  int32_t labels;        /**< LLAVA_LABELS_… of dataset.h; default LLAVA_LABELS_SPANS */
  int32_t allow_outside; /**< 1: pictures may lie anywhere; 0 (default): below image_root alone */
  int32_t loader_threads; /**< that decode pictures ahead; default 2 */
  int32_t dtype;          /**< LLAVA_DTYPE_F32; LLAVA_DTYPE_BF16: weights rounded to bf16 for what they are multiplied
                      with, f32 for what the optimizer holds; on a card activations are bf16 too;
                      LLAVA_DTYPE_AUTO (default): F32 on the CPU, BF16 on a card */
  int32_t recompute;      /**< LLAVA_RECOMPUTE_… */
  int32_t nproc; /**< 1 (default): this process alone; more: llava_train_stage() and llava_train_launch() start so many;
                      0: this process is one of several, as torchrun, mpirun, srun or whoever started it says in its
                      environment, or alone where nobody does */
  int32_t zero;           /**< each rank holds only its share of 0 (default): nothing; 1: moments; 2: and gradients;
                               3: and values. Of one rank alone 2 and 3 mean that no gradient is ever whole */
  int32_t deterministic;  /**< LLAVA_DETERMINISTIC_…; the same bits on any number of ranks */
  int32_t tensorboard;    /**< 1: event files below out_dir/tensorboard */
  int32_t projector_file; /**< 1: mm_projector.safetensors beside the result, as stage 1 of the original names it */
  int32_t base_bits;      /**< 16 (default): frozen weights as stored; 4: those beside a LoRA in four bits (nf4, double
                          quantisation: QLoRA, Dettmers et al. 2023); the adapter is for the model as it is */
  uint32_t reserved;      /**< 0 */
  int64_t lora_r;         /**< rank of a LoRA beside the language model's matrices, whose own weights are frozen unless
                      `learns` says otherwise; 0 for none, the presets' but "llava-1.5-lora"; the result is an adapter */
  double lora_alpha;      /**< its products count alpha / r */
  double lora_dropout;    /**< of its inputs, 0 to less than 1 */
  const char *lora_targets;   /**< matrices by name, parted by commas; NULL (default): all,
                                  q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj */
  const char *rank_program;   /**< what ranks run; NULL (default): libexec/llava/llava-rank near the library */
  llava_train_event_fn event; /**< NULL (default) for none */
  void *event_user_data;      /**< handed to `event` */
  llava_cancel *cancel;       /**< looked at all the time; NULL (default) for none */
  llava_cancel *abandon; /**< ends processes that were started here (nproc above 1) at once; NULL (default) for none */
  int64_t skip_diverged; /**< steps in a row that may be left out, named and counted, because their loss or gradient is
                             not finite; 0 (default): the first stops the run */
  int32_t torch_files;   /**< 1: also the original's files, in torch's format: mm_projector.bin beside the result;
                             with LoRA non_lora_trainables.bin and config.json, and the adapter under its names */
  int32_t save_async;    /**< 1: save_every's snapshots are written meanwhile, from a copy (12 bytes a parameter) */
  int64_t answer_every; /**< steps after which the first questions of answer_data, at most three, are asked greedily: an
                             event and a line of metrics.jsonl each; 0 (default): never */
  const char *answer_data; /**< records with these questions; NULL (default): eval_data */
  const char *device;      /**< "cpu" (NULL, the default), "cuda:0"; "cuda": of several ranks each takes the card of its
                             number on its machine. No card has been at hand so far: see README.md */
  const char *image_aspect_ratio; /**< "pad": a picture is padded to a square, "square": its centre is cropped; NULL
                             (default): as the model's files say where they do, else the preset's; the result says which */
  double decay_ratio; /**< of LLAVA_SCHEDULE_WSD alone: steps over which it goes down, of all, 0 to 1; rounded up, after
                             the warm-up; default 0.1 (Hu et al. 2024, MiniCPM) */
  int32_t sum_order;  /**< LLAVA_SUM_…; default LLAVA_SUM_TREE */
  uint32_t sum_reserved; /**< 0 */
} llava_train_options;

/**
 * Fills an options struct with defaults.
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_train_options_init(llava_train_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, for example {"stage": 2, "data": "chat.json", "out_dir": "tuned", "lr": 2e-5}.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         an object of field names; what is not named takes its default
 * @param keep         receives what owns the texts the struct points to; release after the last use of `options`. NULL
 * inside when there are none; may be NULL itself when no field of `json` is a text
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_train_options_from_json(llava_train_options *options,
                                                                                size_t struct_size, const char *json,
                                                                                llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles and callbacks have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_train_options_to_json(const llava_train_options *options,
                                                                              llava_string **out);

#ifdef __cplusplus
}
#endif

#endif
