/** @file train.hpp Visual instruction tuning. */
#ifndef LLAVA_HPP_TRAIN_HPP
#define LLAVA_HPP_TRAIN_HPP

#include "../train.h"
#include "model.hpp"
#include "train_options.hpp"

namespace llava {
inline namespace abi1 {

/** What a long job found. Since 0.1. */
class Report : public detail::Handle<llava_report, llava_report_retain, llava_report_free> {
 public:
  Report() = default;
  /** Takes over a reference. */
  explicit Report(llava_report* handle) noexcept : Handle(handle) {}

  /** All of it, as JSON. */
  std::string json() const { return llava_report_json(handle_); }

  /** One number; keys within keys are joined by points. */
  double number(const std::string& name) const {
    double value = 0;
    detail::check(llava_report_number(handle_, detail::c_text(name, "name"), &value));
    return value;
  }
};

/** What a run would do: llava_train_plan(). */
inline Report train_plan(const std::string& model_path, const TrainOptions& options) {
  detail::TrainListener listener;
  const auto c = detail::train_options(options, listener);
  llava_report* report = nullptr;
  detail::check(llava_train_plan(detail::c_text(model_path, "model_path"), &c, &report), listener.thrown);
  return Report(report);
}

/** Where the run in a folder stands: llava_train_status(). */
inline Report train_status(const std::string& out_dir) {
  llava_report* report = nullptr;
  detail::check(llava_train_status(detail::c_text(out_dir, "out_dir"), &report));
  return Report(report);
}

/** Trains a whole stage: llava_train_stage(). The model is not changed; load options.out_dir for the result. */
inline Report train_stage(const Model& model, const TrainOptions& options) {
  detail::TrainListener listener;
  const auto c = detail::train_options(options, listener);
  llava_report* report = nullptr;
  detail::check(llava_train_stage(model.get(), &c, &report), listener.thrown);
  return Report(report);
}

/** Trains a whole stage with options.nproc processes: llava_train_launch(). */
inline Report train_launch(const std::string& model_path, const TrainOptions& options) {
  detail::TrainListener listener;
  const auto c = detail::train_options(options, listener);
  llava_report* report = nullptr;
  detail::check(llava_train_launch(detail::c_text(model_path, "model_path"), &c, &report), listener.thrown);
  return Report(report);
}

/** A run that is stepped by its caller. Copies share the run. Since 0.1. */
class Trainer : public detail::Handle<llava_trainer, llava_trainer_retain, llava_trainer_free> {
 public:
  Trainer() = default;
  /** Opens the run. */
  Trainer(const std::string& model_path, const TrainOptions& options)
      : listener_(std::make_shared<detail::TrainListener>()) {
    const auto c = detail::train_options(options, *listener_);
    detail::check(llava_trainer_create(detail::c_text(model_path, "model_path"), &c, &handle_), listener_->thrown);
  }

  /** Trains for at most so many steps; true when the run is through. */
  bool run(int64_t steps) const {
    if (listener_) listener_->thrown = nullptr;
    const auto status = llava_trainer_run(handle_, steps);
    if (status == LLAVA_END) return true;
    detail::check(status, thrown());
    return false;
  }
  void request_stop() const { detail::check(llava_trainer_request_stop(handle_)); } /**< after the step; any thread */
  void pause(bool on) const { detail::check(llava_trainer_pause(handle_, on)); }    /**< between steps; any thread */
  void save() const { detail::check(llava_trainer_save(handle_)); }                 /**< a snapshot of this moment */

  /** The next event; nothing when none came in time or the run is through. From any thread. */
  std::optional<std::string> next_event(int64_t timeout_ms = -1) const {
    llava_string* text = nullptr;
    const auto status = llava_trainer_next_event(handle_, timeout_ms, &text);
    if (status == LLAVA_END || status == LLAVA_WOULD_BLOCK) return std::nullopt;
    detail::check(status);
    return detail::take(text);
  }

  /** Where the run stands. From any thread. */
  llava_train_metrics metrics() const {
    llava_train_metrics metrics;
    metrics.struct_size = sizeof metrics;
    detail::check(llava_trainer_metrics(handle_, &metrics));
    return metrics;
  }

  /** The loss on the held-out records. */
  double evaluate() const {
    double loss = 0;
    if (listener_) listener_->thrown = nullptr;
    detail::check(llava_trainer_evaluate(handle_, &loss), thrown());
    return loss;
  }

  /** What is known of the run so far. */
  Report report() const {
    llava_report* report = nullptr;
    detail::check(llava_trainer_report(handle_, &report));
    return Report(report);
  }

 private:
  std::exception_ptr thrown() const { return listener_ ? listener_->thrown : nullptr; }  // none in an empty object

  std::shared_ptr<detail::TrainListener> listener_;
};

}  // namespace abi1
}  // namespace llava

#endif
