// A training run: data and a model in, step after step, to a folder that is a model.
//
//   OUT/config.json, model.safetensors, tokenizer …   the result, a Hugging Face directory, once the run is through
//       run.json           what the run was told, and how it ended (train/run_folder)
//       tensorboard/       the same for TensorBoard, where it is asked for
//       metrics.jsonl      one object a step, and one an evaluation
//       checkpoints/       train/snapshot
//       run.lock           held while a process works on it
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "base/error.hpp"
#include "comm/comm.hpp"
#include "train/background_save.hpp"
#include "train/feed.hpp"
#include "train/metrics.hpp"
#include "train/run_folder.hpp"
#include "train/settings.hpp"
#include "train/stepper.hpp"
#include "train/tensorboard.hpp"

namespace llava::core {

/// Of the clock of now_ns().
inline double seconds_since(int64_t begin_ns) { return static_cast<double>(now_ns() - begin_ns) * 1e-9; }

/// Hears what happens, on the thread that works, of the first rank alone where there are several; may throw to stop. Every object has "event":
///
///   start       stage, preset, step (done before), steps, records, without_picture (of them, where these teach nothing),
///               learning (parameters), added (of them, by a LoRA), parameters (of the model), ranks, device (of the first),
///               resumed_from, interrupted (who was, "" for nobody)
///   progress    phase, done, total: while data are opened
///   step        step, epoch, loss, lr, grad_norm, samples, tokens (positions), labels, seconds, data_seconds (of them,
///               spent waiting for data), samples_per_second, tokens_per_second, tflops (of the model, train/flops), eta_seconds, resident_bytes;
///               on a card device_bytes (in tensors, at most so far) and, where its peak is known (ops/card_peak), mfu (the share
///               of it that the model's operations are); clipped; empty (all its records were left out);
///               cut (samples that were longer than max_length)
///   skipped     message: a record that could not be used
///   estimate    step, steps, seconds_per_step (of the last nine, with all that comes between them), seconds_left: after
///               ten steps of this process
///   warning     message: the run goes on from a snapshot of another LibTorch, processor or number of threads, and its
///               last digits may be others than if it had not stopped; or samples are cut to max_length, the first of them
///               named; or warm-up leaves steps, or all of them, without learning
///   diverged    step, message, in_a_row: a step that was left out, as settings.skip_diverged allows
///   evaluation  step, eval_loss, samples, labels, seconds, cut (where there are such samples)
///   answer      step, record, question, answer, expected: what capi/sample_answers asks
///   saved       step, seconds, waited_seconds (of them, in which no step was made: fewer with settings.save_async)
///   save_failed step, message: the one before is still there
///   result      path
using RunListener = std::function<void(const Json& event)>;

class TrainingRun {
 public:
  /// Opens everything, makes or takes over the folder, and goes on from a snapshot where there is one. The token is
  /// looked at by everything that follows.
  /// Throws Error: argument (settings; a folder with other things in it; other settings than the snapshot's or another rank's), busy (a run
  /// is under way in that folder), not_found, format, io, unsupported, limit, cancelled, timeout.
  TrainingRun(const RunSettings& settings, RunListener listener, const Cancel& cancel);
  ~TrainingRun();
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  int64_t steps() const { return steps_; }
  int64_t done() const;
  bool finished() const { return done() == steps_; }

  /// Of several ranks all call this and what follows together: true on all when `mine` is on one.
  bool any_rank_says(bool mine);

  /// A line for metrics.jsonl, told as an event of that name; of the first rank, others do nothing. Throws Error(io).
  void note(const char* event, Json line);

  /// What learns, as it is now.
  const Network& network() const { return stepper_->network(); }
  bool is_first_rank() const { return first_rank(); }

  /// What the first rank does with network() while the others wait for it, or go on until they have to; all ranks call
  /// this. When it throws, theirs end with `what`.
  void alone(const char* what, const std::function<void()>& work);

  /// This rank holds the run for as long as it wants.
  void rest() {
    if (comm_) comm_->progress("a pause", Doing::slow);
  }

  /// One step and what is due after it: evaluation, snapshot. When it throws, the model is as after the step before, and
  /// it may be called again. A snapshot that cannot be written is told as save_failed and tried again at the next
  /// interval; the third in a row is Error(io). A step that diverged is left out where settings.skip_diverged allows it,
  /// and told as diverged; else it is Error(diverged), which says which records and parameters it came from.
  void step();

  /// The mean loss over the held-out records (0 on ranks but the first). Throws Error(state) when there are none.
  double evaluate();

  /// A snapshot of this moment, unless there is one of this step.
  void save();

  /// save(), metrics.jsonl is closed, and run.json says that the run was stopped.
  void leave();

  /// Makes OUT a model, or with LoRA an adapter: the files are written aside and moved in, config.json or
  /// adapter_config.json last.
  void write_result();

  /// Everything known so far: settings, steps, losses, seconds.
  Json summary() const;

  const std::string& folder() const { return settings_.out; }
  const std::optional<StepReport>& last() const { return last_; }

 private:
  bool first_rank() const { return ranks_.rank() == 0; }
  void meet();
  void add_card(Json& line, double tflops) const;
  void open_inputs();
  void take_folder();
  void look_for_pictures();
  void open_records();
  void open_feed();
  const StepSamples& next_samples();
  void or_save(const std::function<void()>& read);
  void resume();
  void write_state(const char* state);
  void go_on_running();
  void estimate();
  void tell(Json event);
  void tell_of_schedule();
  void tell_of_cuts(const std::vector<std::string>& here);
  void tell_step(const StepReport& report, double seconds, double data_seconds);
  void pass_over(const Error& error);
  Error error_with_fault(const StepSamples& samples, const Error& error);
  void save_when_due();
  void save_if_possible();
  void begin_background_save();
  void settle_background_save(bool counts = false);
  void tell_saved(int64_t step, double seconds, double waited);
  void tell_failed_save(int64_t step, const Error& error);
  void put_result();

  RunSettings settings_;
  RunListener listener_;
  Cancel cancel_;
  std::unique_ptr<Comm> comm_;  // null: alone
  Ranks ranks_;
  ComputePlace place_;
  double peak_tflops_ = 0;  // of this rank's card; 0 = not known
  LoadPlan plan_;
  RunData data_;
  std::optional<RunData> eval_data_;
  std::unique_ptr<RunFolder> folder_;  // of the first rank
  std::unique_ptr<Stepper> stepper_;
  std::unique_ptr<Feed> feed_;                   // made again after a failure
  std::optional<std::vector<int64_t>> lengths_;  // of all records, where the order looks at them
  std::unique_ptr<MetricsFile> metrics_;
  std::unique_ptr<TensorboardFile> tensorboard_;
  RunIdentity identity_{Json()};
  std::unique_ptr<BackgroundSave> background_;  // with settings.save_async
  int64_t steps_ = 0, first_ = 0, saved_step_ = -1, failed_saves_ = 0;
  int64_t evaluated_step_ = -1;  // on eval_data; the first rank knows
  int64_t resident_before_ = resident_bytes();
  int64_t skipped_ = 0, samples_ = 0, tokens_ = 0, without_picture_ = 0;
  int64_t cut_ = 0, cut_now_ = 0;  // samples that were cut, of this process and of this step, over all ranks
  bool cuts_told_ = false;
  int64_t first_step_end_ns_ = 0;  // of this process
  int64_t background_begin_ns_ = 0;
  double background_waited_ = 0;
  std::string state_;                       // what run.json says; ranks but the first follow from leave() on
  double seconds_ = 0;                      // in steps of this process
  std::string resumed_from_, other_means_;  // what computes otherwise than what wrote that snapshot
  std::optional<StepReport> last_;
  std::optional<double> first_loss_, eval_loss_;
};

}  // namespace llava::core
