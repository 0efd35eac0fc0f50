// What a run writes: snapshots on its way, and its result.
#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agree.hpp"
#include "train/result.hpp"
#include "train/run.hpp"
#include "train/snapshot.hpp"

namespace llava::core {
namespace {

constexpr int64_t kMostFailedSaves = 3;

}  // namespace

void TrainingRun::save() {
  settle_background_save();
  if (saved_step_ == done()) return;
  const auto begin = now_ns();
  save_snapshot(settings_.out, *stepper_, identity_, settings_.keep);
  saved_step_ = done();
  tell_saved(done(), seconds_since(begin), seconds_since(begin));
}

// On the way out with another error, which is the one to be told.
void TrainingRun::save_if_possible() {
  try {
    save();
  } catch (const Error& error) {
    if (saved_step_ == done()) return;  // it is written: who was told of it failed
    try {
      tell_failed_save(done(), error);
    } catch (const Error& listener) {
      log_warning(cat("who was to hear of it failed: ", listener.message()));
    }
  }
}

// `waited` of the seconds were taken from the steps.
void TrainingRun::tell_saved(int64_t step, double seconds, double waited) {
  failed_saves_ = 0;
  tell(Json::object({{"event", "saved"}, {"step", step}, {"seconds", seconds}, {"waited_seconds", waited}}));
}

void TrainingRun::tell_failed_save(int64_t step, const Error& error) {
  ++failed_saves_;
  log_warning(cat("a snapshot could not be written, the one before is still there: ", error.message()));
  tell(Json::object({{"event", "save_failed"}, {"step", step}, {"message", error.message()}}));
}

// Waits for what is on its way. If it could not be written, there is no snapshot of that step. Throws when it was the last
// of several that could not, and the caller is not about to try again at once.
void TrainingRun::settle_background_save(bool counts) {
  if (!background_ || background_->step() < 0) return;
  const auto step = background_->step();
  const auto begin = now_ns();
  try {
    background_->end(comm_.get());
  } catch (const Error& error) {
    saved_step_ = -1;
    if (error.status() != Status::io) throw;
    tell_failed_save(step, error);
    if (counts && failed_saves_ >= kMostFailedSaves) throw;
    return;
  }
  tell_saved(step, static_cast<double>(background_->written_ns() - background_begin_ns_) * 1e-9,
             background_waited_ + seconds_since(begin));
}

void TrainingRun::begin_background_save() {
  background_begin_ns_ = now_ns();
  background_->begin(settings_.out, *stepper_, identity_, settings_.keep);
  background_waited_ = seconds_since(background_begin_ns_);
  saved_step_ = done();
}

void TrainingRun::leave() {
  save();
  together(comm_.get(), [&] {
    if (metrics_) metrics_->close();
    write_state("stopped");
  });
}

// After leave() the same process may go on.
void TrainingRun::go_on_running() {
  if (state_ == "stopped") together(comm_.get(), [&] { write_state("running"); });
}

// The last step's is written before anything else happens; the others may be written while the run goes on.
void TrainingRun::save_when_due() {
  if (background_ && background_->step() >= 0 && any_rank_says(background_->is_over()))
    settle_background_save(/*counts=*/true);  // told as soon as it is known
  if (!finished() && (settings_.save_every == 0 || done() % settings_.save_every != 0)) return;
  if (background_ && !finished()) {
    settle_background_save(/*counts=*/true);
    return begin_background_save();
  }
  try {
    save();
  } catch (const Error& error) {
    if (error.status() != Status::io || finished() || failed_saves_ + 1 >= kMostFailedSaves) throw;
    tell_failed_save(done(), error);
  }
}

void TrainingRun::write_result() {
  if (eval_data_ && any_rank_says(first_rank() && evaluated_step_ != done())) evaluate();  // it failed, or was cut off
  if (comm_) comm_->progress("writing the result", Doing::slow);
  stepper_->network().lend([&] { put_result(); });
}

void TrainingRun::put_result() {
  const auto aside = settings_.out + "/result.tmp";
  std::error_code ignored;
  std::filesystem::remove_all(aside, ignored);  // of a process that ended in between
  try {
    folder_->take_in(aside, write_result_files(plan_, stepper_->network(), settings_, aside, cancel_));
  } catch (...) {
    std::filesystem::remove_all(aside, ignored);
    throw;
  }
  std::filesystem::remove_all(aside, ignored);
  metrics_->close();
  write_state("finished");
  tell(Json::object({{"event", "result"}, {"path", settings_.out}}));
}

void TrainingRun::write_state(const char* state) {
  if (folder_) folder_->write(summary(), state);
  state_ = state;
}

}  // namespace llava::core
