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
#include "train_options.h"

#ifdef __cplusplus
extern "C" {
#endif

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
