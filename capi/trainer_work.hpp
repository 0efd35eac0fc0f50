// A run with what a program around it wants: events to pull, a pause, a stop that waits for the end of a step.
#pragma once

#include <llava/train.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "objects.hpp"
#include "sample_answers.hpp"
#include "train/run.hpp"

namespace llava::capi {

class TrainerWork {
 public:
  TrainerWork(const core::RunSettings& settings, llava_train_event_fn event, void* user_data, CancelUse cancel);

  /// At most `steps` steps. True when the run is through and its result is written. Throws Error(busy) when another
  /// thread works; what TrainingRun throws.
  bool run(int64_t steps);
  double evaluate();
  void save();
  core::Json report();

  // From any thread.
  void request_stop();
  void pause(bool on);
  enum class Pull { event, nothing, end };
  Pull next_event(int64_t timeout_ms, std::string& out);
  llava_train_metrics metrics() const;

 private:
  std::unique_lock<std::mutex> alone();
  bool step_or_stop();
  void hear(const core::Json& event);
  void note(const core::Json& event);
  void ask_when_due();
  void end();

  const llava_train_event_fn event_;
  void* const user_data_;
  const CancelUse users_cancel_;
  const int64_t answer_every_;
  std::mutex working_;               // the one thread that trains
  mutable std::mutex mutex_;         // of what follows; held for moments
  std::condition_variable changed_;  // an event came, a pause or a stop was asked for, the run ended
  std::deque<std::string> events_;
  bool stop_ = false, paused_ = false, ended_ = false;
  llava_train_metrics metrics_ = {};
  std::unique_ptr<SampleAnswers> answers_;  // where they are asked for, on the first rank
  std::unique_ptr<core::TrainingRun> run_;  // last: it looks at the token
};

/// Its end asks a run that another thread is in to stop.
struct TrainerObject : Live<HandleKind::trainer> {
  explicit TrainerObject(std::shared_ptr<TrainerWork> w) : work(std::move(w)) {}
  ~TrainerObject() { work->request_stop(); }
  const std::shared_ptr<TrainerWork> work;
};
LLAVA_HANDLE(trainer, TrainerObject)

}  // namespace llava::capi
