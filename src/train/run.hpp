// A training run: data and a model in, step after step, to a folder that is a model.
//
//   OUT/config.json, model.safetensors, tokenizer …   the result, a Hugging Face directory, once the run is through
//       run.json           what the run was told, and how it ended
//       tensorboard/       the same for TensorBoard, where it is asked for
//       metrics.jsonl      one object a step, and one an evaluation
//       checkpoints/       train/snapshot
//       run.lock           held while a process works on it
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/file_lock.hpp"
#include "checkpoint/save.hpp"
#include "comm/comm.hpp"
#include "train/feed.hpp"
#include "train/metrics.hpp"
#include "train/settings.hpp"
#include "train/stepper.hpp"
#include "train/tensorboard.hpp"

namespace llava::core {

/// Hears what happens, on the thread that works, of the first rank alone where there are several; may throw to stop. Every object has "event":
///
///   start       stage, steps, step (done before), epochs, samples, learning (parameters), all (parameters)
///   progress    phase, done, total: while data are opened
///   step        step, epoch, loss, lr, grad_norm, samples, tokens (positions), labels, seconds, data_seconds (of them,
///               spent waiting for data), samples_per_second, tokens_per_second, tflops (of the model, train/flops), eta_seconds, resident_bytes; clipped; empty (all its records were left out)
///   skipped     message: a record that could not be used
///   evaluation  step, eval_loss, samples, labels, seconds
///   saved       step, path, seconds
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

  /// This rank holds the run for as long as it wants.
  void rest() {
    if (comm_) comm_->progress("a pause", Doing::slow);
  }

  /// One step and what is due after it: evaluation, snapshot. When it throws, the model is as after the step before, and
  /// it may be called again. A snapshot that cannot be written is told as save_failed and tried again at the next
  /// interval; the third in a row is Error(io).
  void step();

  /// The mean loss over the held-out records (0 on ranks but the first). Throws Error(state) when there are none.
  double evaluate();

  /// A snapshot of this moment, unless there is one of this step.
  void save();

  /// save(), and run.json says that the run was stopped.
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
  void open_inputs();
  void take_folder();
  void open_records();
  const StepSamples& next_samples();
  void resume();
  void write_state(const char* state) const;
  void tell(Json event);
  void tell_step(const StepReport& report, double seconds, double data_seconds);
  void save_when_due();
  TrainedValues values();
  void write_checkpoint(const std::string& folder);
  void put_result();

  RunSettings settings_;
  RunListener listener_;
  Cancel cancel_;
  std::unique_ptr<Comm> comm_;  // null: alone
  Ranks ranks_;
  LoadPlan plan_;
  RunData data_;
  std::optional<RunData> eval_data_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<Stepper> stepper_;
  std::unique_ptr<Feed> feed_;  // made again after a failure
  std::unique_ptr<MetricsFile> metrics_;
  std::unique_ptr<TensorboardFile> tensorboard_;
  Json numeric_;
  int64_t steps_ = 0, first_ = 0, saved_step_ = -1, failed_saves_ = 0;
  int64_t evaluated_step_ = -1;  // on eval_data; the first rank knows
  int64_t resident_before_ = resident_bytes();
  int64_t skipped_ = 0, samples_ = 0, tokens_ = 0;
  double seconds_ = 0;  // in steps of this process
  std::string resumed_from_;
  std::optional<StepReport> last_;
  std::optional<double> first_loss_, eval_loss_;
};

}  // namespace llava::core
