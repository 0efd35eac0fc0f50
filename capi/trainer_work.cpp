// One mutex for the work, which is long, and one for what other threads look at.
#include "trainer_work.hpp"

#include <chrono>
#include <utility>

#include "guard.hpp"

namespace llava::capi {

using core::Error;
using core::Status;

namespace {

constexpr size_t kMostEvents = 4096;
constexpr auto kPollTime = std::chrono::milliseconds(50);

}  // namespace

TrainerWork::TrainerWork(const core::RunSettings& settings, llava_train_event_fn event, void* user_data,
                         CancelUse cancel)
    : event_(event), user_data_(user_data), users_cancel_(std::move(cancel)), answer_every_(settings.answer_every) {
  metrics_.eval_loss = -1;
  run_ = std::make_unique<core::TrainingRun>(
      settings, [this](const core::Json& told) { hear(told); }, users_cancel_.cancel());
  if (settings.answer_every > 0 && run_->is_first_rank())
    answers_ = std::make_unique<SampleAnswers>(settings, run_->network().options().place, users_cancel_.cancel());
  metrics_.step = run_->done();
  metrics_.steps = run_->steps();
}

std::unique_lock<std::mutex> TrainerWork::alone() {
  std::unique_lock lock(working_, std::try_to_lock);
  if (!lock) throw Error(Status::busy, "another thread works with the trainer");
  return lock;
}

void TrainerWork::hear(const core::Json& event) {
  auto text = event.dump();
  note(event);
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(text);
    if (events_.size() > kMostEvents) events_.pop_front();
  }
  changed_.notify_all();
  if (event_ &&
      ask_callback("event", LLAVA_TRAIN_STOP, [&] { return event_(text.c_str(), user_data_); }) == LLAVA_TRAIN_STOP)
    request_stop();
}

void TrainerWork::note(const core::Json& event) {
  const auto kind = event.at("event").string();
  const std::lock_guard lock(mutex_);
  if (kind == "evaluation") metrics_.eval_loss = event.at("eval_loss").number();
  if (kind != "step") return;
  metrics_.step = event.at("step").integer();
  metrics_.samples = event.at("samples").integer();
  metrics_.tokens = event.at("tokens").integer();
  metrics_.labels = event.at("labels").integer();
  metrics_.loss = event.at("loss").number();
  metrics_.lr = event.at("lr").number();
  metrics_.grad_norm = event.at("grad_norm").number();
  metrics_.seconds = event.at("seconds").number();
}

// False when it is to stop.
bool TrainerWork::step_or_stop() {
  bool stop = false;
  {
    std::unique_lock lock(mutex_);
    if (paused_) run_->rest();
    while (paused_ && !stop_) {
      changed_.wait_for(lock, kPollTime);
      users_cancel_.cancel().poll("a pause in training");
    }
    stop = std::exchange(stop_, false);
  }
  if (run_->any_rank_says(stop)) return false;
  run_->step();
  ask_when_due();
  const std::lock_guard lock(mutex_);
  metrics_.step = run_->done();  // ranks but the first hear no events
  return true;
}

// The first rank alone; the others serve what it fetches, or wait for it in the next step.
void TrainerWork::ask_when_due() {
  if (answer_every_ == 0 || run_->done() % answer_every_ != 0) return;
  run_->alone("sample answers", [this] { answers_->ask(*run_, users_cancel_.cancel()); });
}

void TrainerWork::end() {
  run_->write_result();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    metrics_.finished = 1;
  }
  changed_.notify_all();
}

bool TrainerWork::run(int64_t steps) {
  const auto lock = alone();
  {
    const std::lock_guard state(mutex_);
    if (ended_) return true;
  }
  for (int64_t i = 0; i < steps && !run_->finished(); ++i)
    if (!step_or_stop()) {
      run_->leave();
      return false;
    }
  if (!run_->finished()) return false;
  run_->save();
  end();
  return true;
}

double TrainerWork::evaluate() {
  const auto lock = alone();
  return run_->evaluate();
}

void TrainerWork::save() {
  const auto lock = alone();
  run_->save();
}

core::Json TrainerWork::report() {
  const auto lock = alone();
  return run_->summary();
}

void TrainerWork::request_stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
}

void TrainerWork::pause(bool on) {
  {
    const std::lock_guard lock(mutex_);
    paused_ = on;
  }
  changed_.notify_all();
}

TrainerWork::Pull TrainerWork::next_event(int64_t timeout_ms, std::string& out) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return !events_.empty() || ended_; };
  if (timeout_ms < 0)
    changed_.wait(lock, there);
  else
    changed_.wait_for(lock, std::chrono::nanoseconds(core::deadline_after_ms(timeout_ms) - core::now_ns()), there);
  if (events_.empty()) return ended_ ? Pull::end : Pull::nothing;
  out = std::move(events_.front());
  events_.pop_front();
  return Pull::event;
}

llava_train_metrics TrainerWork::metrics() const {
  const std::lock_guard lock(mutex_);
  return metrics_;
}

}  // namespace llava::capi
