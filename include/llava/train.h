/**
 * @file train.h
 * Visual instruction tuning: stage 1 teaches the projector to speak the language model's language, stage 2 teaches both
 * to answer (Liu et al. 2023). A run reads records (dataset.h) and a model's folder and writes another, a model too; a
 * loaded model is not changed. Whatever interrupts a run, the same call goes on from the last snapshot to the same bits.
 *
 * The folder of a run: config.json, model.safetensors, the tokenizer … (the result, in Hugging Face's layout, once the
 * run is through), metrics.jsonl (one JSON object a step), run.json (what it was told, how it stands:
 * llava_train_status()), checkpoints/ (snapshots; delete them when nothing is to go on), run.lock (held by who works).
 */
#ifndef LLAVA_TRAIN_H
#define LLAVA_TRAIN_H

#include "base.h"
#include "dataset.h"
#include "model.h"
#include "report.h"

#ifdef __cplusplus
extern "C" {
#endif

/** In a field of llava_train_options: as the preset says. Since 0.1. */
#define LLAVA_PRESET (-1)

/** How the learning rate goes. Since 0.1. */
enum {
  LLAVA_SCHEDULE_COSINE = 0,  /**< warm-up, then half a cosine down to 0 */
  LLAVA_SCHEDULE_LINEAR = 1,  /**< warm-up, then straight down to 0 */
  LLAVA_SCHEDULE_CONSTANT = 2 /**< warm-up, then the peak */
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
  int32_t zero;  /**< each rank holds only its share of 0 (default): nothing; 1: moments; 2: and gradients; 3: and values */
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
} llava_train_options;

/** A run that is stepped by its caller. Since 0.1. */
typedef struct llava_trainer llava_trainer;

/** Where a run stands. Filled by llava_trainer_metrics(); zeros before the first step. Since 0.1. */
typedef struct llava_train_metrics {
  uint32_t struct_size; /**< set by the caller */
  int32_t finished;     /**< 1: all steps are done and the result is written */
  int64_t step;         /**< steps done, those before a resume included */
  int64_t steps;        /**< of the whole run */
  int64_t samples;      /**< of the last step */
  int64_t tokens;       /**< positions of the last step */
  int64_t labels;       /**< learned tokens of the last step */
  double loss;          /**< of the last step, before its update */
  double lr;            /**< of the last step */
  double grad_norm;     /**< of the last step, before clipping */
  double seconds;       /**< of the last step */
  double eval_loss;     /**< of the last evaluation; -1 before the first */
} llava_train_metrics;

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

/**
 * What a run would do, before it does anything: reads every record and no weight, and writes nothing.
 *
 * The report: "settings" (what the preset and the options come to), "steps", "steps_per_epoch", "warmup_steps",
 * "learning" (parameters that learn), "parameters", "learning_tensors", "records", "usable", "bad" (every record that
 * cannot be used, as llava_dataset_check() names it; pictures are looked for, not decoded), "tokens" (positions: total,
 * median, p95, longest), "cut", "cut_first" (record, id, length), "longest_record", "warnings", "snapshot_bytes", "ranks",
 * "memory" (bytes of the first process by item and "total"), for a card, which need not be there, "device_memory"; of the
 * host's "memory_available", "fits", "advice" (where it does not: "settings" that take less, "total", "fits" and what "changes").
 *
 * @param model_path  folder of the checkpoint to start from
 * @param options     how; `out_dir` may be NULL here
 * @param out         receives the report; release with llava_report_free()
 * @return LLAVA_OK; INVALID_ARGUMENT, NOT_FOUND, FORMAT, UNSUPPORTED, IO, LIMIT; CANCELLED, TIMEOUT, CALLBACK.
 * Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_train_plan(const char *model_path,
                                                                   const llava_train_options *options,
                                                                   llava_report **out);

/**
 * Where the run in a folder stands, whoever works or worked on it; changes nothing.
 *
 * The report: run.json, the report of llava_train_stage() as of the start or end of the process that wrote it, and
 * "state": running, stopped (saved), left (let go of before its end), finished, or interrupted (a process ended in the
 * midst of it); "process", "host", "began" (UTC) of that process; "interruptions".
 *
 * @param out_dir  folder of a run
 * @param out      receives the report; release with llava_report_free()
 * @return LLAVA_OK; NOT_FOUND for a folder without a run; FORMAT, IO. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_train_status(const char *out_dir, llava_report **out);

/**
 * Trains a stage from the checkpoint the model was loaded from, to the end. The model itself is not changed and may be
 * used meanwhile; load options.out_dir for the result. Stopped by its cancel token it saves the last whole step first.
 *
 * The report: "out", "step", "steps", "settings", "samples", "tokens", "seconds", "first_loss", "last_loss",
 * "eval_loss", "skipped", "cut" (samples, each time they are), "diverged", "learning", "peak_resident_bytes",
 * "resumed_from". Samples, tokens, cuts, seconds, losses and steps that diverged are the whole run's, however often it
 * was interrupted; skipped is this call's.
 *
 * @param model    the model
 * @param options  what to train on and how
 * @param out      receives the report; release with llava_report_free()
 * @return LLAVA_OK when the run is through; INVALID_ARGUMENT (an option; other settings than those of the run in
 * out_dir, both values named), BUSY (another process works on out_dir), NOT_FOUND (a card), FORMAT (a record, a file), LIMIT
 * (more unusable records than may be), UNSUPPORTED (a model that cuts pictures into tiles; a build without CUDA), DIVERGED (loss or gradient is not
 * finite; nothing of that step was changed), IO (the disk is full: the last snapshot is still there), OUT_OF_MEMORY,
 * CANCELLED, TIMEOUT, CALLBACK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_train_stage(llava_model *model,
                                                                    const llava_train_options *options,
                                                                    llava_report **out);

/**
 * The same from a folder: nothing is loaded in this process, and options.nproc processes of this machine train together.
 * Events are heard on this thread. When one of them dies, hangs or cannot go on, the others end too, and the failure names
 * it; the last snapshot is still there.
 *
 * @param model_path  folder of the checkpoint to start from
 * @param options     what to train on and how
 * @param out         receives the report; release with llava_report_free()
 * @return as llava_train_stage(); DISTRIBUTED when a rank is lost, NOT_FOUND when options.rank_program is not there.
 * Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_train_launch(const char *model_path,
                                                                     const llava_train_options *options,
                                                                     llava_report **out);

/**
 * Opens a run to be stepped by its caller: settings, data, model and the folder are checked, and a snapshot is read
 * where the run goes on. options.cancel is looked at until the trainer is freed. One of several ranks (nproc 0) waits here
 * for the others; from then on all of them call the same functions in the same order.
 *
 * @param model_path  folder of the checkpoint to start from
 * @param options     what to train on and how
 * @param out         receives the trainer; release with llava_trainer_free()
 * @return LLAVA_OK, else as llava_train_stage(); UNSUPPORTED for an nproc above 1. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_trainer_create(const char *model_path,
                                                                       const llava_train_options *options,
                                                                       llava_trainer **out);

/**
 * Trains on this thread for at most so many steps. After the last step of the run it saves, evaluates where eval_data
 * are given, and writes the result.
 *
 * @param trainer  the trainer
 * @param steps    at least 1
 * @return LLAVA_OK after `steps` steps, or earlier when llava_trainer_request_stop() asked for it: a snapshot was saved
 * then; LLAVA_END when the run is through; BUSY while another thread runs it; else as llava_train_stage(). After a
 * failure the model is as after the last whole step, and this may be called again. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_trainer_run(llava_trainer *trainer, int64_t steps);

/**
 * Asks a llava_trainer_run() that is under way to finish its step, save and return; without one, the next returns at
 * once. From any thread.
 * @param trainer  the trainer
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_trainer_request_stop(llava_trainer *trainer);

/**
 * Holds a run between two steps, or lets it go on. From any thread.
 * @param trainer  the trainer
 * @param on       1 to hold, 0 to go on
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_trainer_pause(llava_trainer *trainer, int32_t on);

/**
 * The next event (llava_train_event_fn), for programs that watch from another thread than the one that trains. The last
 * 4096 are kept; when nobody pulls, the oldest go.
 *
 * @param trainer     the trainer
 * @param timeout_ms  how long to wait; 0 not at all, -1 without a bound
 * @param out         receives the JSON; release with llava_string_free()
 * @return LLAVA_OK; LLAVA_WOULD_BLOCK when none came in time; LLAVA_END when the run is through and all were pulled.
 * Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_trainer_next_event(llava_trainer *trainer, int64_t timeout_ms,
                                                                           llava_string **out);

/**
 * Where the run stands. From any thread.
 * @param trainer  the trainer
 * @param out      receives the numbers; set out->struct_size first
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_trainer_metrics(const llava_trainer *trainer, llava_train_metrics *out);

/**
 * The mean loss over all learned tokens of options.eval_data.
 * @param trainer  the trainer
 * @param loss     receives it
 * @return LLAVA_OK; LLAVA_ERR_STATE without eval_data; BUSY while another thread works. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_trainer_evaluate(llava_trainer *trainer, double *loss);

/**
 * Saves a snapshot of this moment below out_dir/checkpoints.
 * @param trainer  the trainer
 * @return LLAVA_OK; IO with the one before still there; BUSY while another thread works. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_trainer_save(llava_trainer *trainer);

/**
 * What is known of the run so far: the report of llava_train_stage().
 * @param trainer  the trainer
 * @param out      receives the report; release with llava_report_free()
 * @return LLAVA_OK; BUSY while another thread works. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_trainer_report(llava_trainer *trainer, llava_report **out);

/**
 * Adds a reference.
 * @param trainer  the trainer
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_trainer_retain(llava_trainer *trainer);

/**
 * Gives a reference back. A run under way on another thread finishes its step, saves and returns.
 * @param trainer  a trainer, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_trainer_free(llava_trainer *trainer);

#ifdef __cplusplus
}
#endif

#endif
