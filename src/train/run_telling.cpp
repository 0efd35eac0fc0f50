// What a run says: its events, its lines of metrics.jsonl, its warnings and its report.
#include "base/error.hpp"
#include "comm/agree.hpp"
#include "ops/device.hpp"
#include "train/run.hpp"

namespace llava::core {
void TrainingRun::tell(Json event) {
  if (listener_) listener_(event);
}

void TrainingRun::tell_step(const StepReport& report, double seconds, double data_seconds) {
  last_ = report;
  if (!first_loss_) first_loss_ = report.loss;
  seconds_ += seconds;
  samples_ += report.samples;
  tokens_ += report.rows;
  cut_ += cut_now_;
  if (!first_rank()) return;
  const auto here = static_cast<double>(done() - first_);
  const auto per_epoch = (data_.index->size() + settings_.batch - 1) / settings_.batch;  // the last may be short
  auto line = Json::object({{"step", report.step},
                            {"epoch", static_cast<double>(report.step) / static_cast<double>(per_epoch)},
                            {"loss", report.loss},
                            {"lr", report.lr},
                            {"grad_norm", report.gradient_norm},
                            {"samples", report.samples},
                            {"tokens", report.rows},
                            {"labels", report.labels},
                            {"seconds", seconds},
                            {"data_seconds", data_seconds},
                            {"samples_per_second", static_cast<double>(report.samples) / seconds},
                            {"tokens_per_second", static_cast<double>(report.rows) / seconds},
                            {"tflops", report.flops / seconds * 1e-12},
                            {"resident_bytes", resident_bytes()}});
  add_card(line, report.flops / seconds * 1e-12);
  if (report.clipped) line.add("clipped", true);
  if (report.samples == 0) line.add("empty", true);
  if (cut_now_ > 0) line.add("cut", cut_now_);
  metrics_->append(line);
  if (tensorboard_)
    tensorboard_->add(report.step, {{"train/loss", report.loss},
                                    {"train/lr", report.lr},
                                    {"train/grad_norm", report.gradient_norm},
                                    {"speed/samples_per_second", static_cast<double>(report.samples) / seconds}});
  line.add("event", "step");
  line.add("steps", steps_);
  line.add("eta_seconds", seconds_ / here * static_cast<double>(steps_ - done()));
  tell(std::move(line));
}

// Over the wall clock, so that snapshots and evaluations count. The first step warms up.
void TrainingRun::estimate() {
  const auto here = done() - first_;
  if (here == 1) first_step_end_ns_ = now_ns();
  if (here != kEstimateSteps || finished()) return;
  const auto each = seconds_since(first_step_end_ns_) / static_cast<double>(kEstimateSteps - 1);
  tell(Json::object({{"event", "estimate"},
                     {"step", done()},
                     {"steps", steps_},
                     {"seconds_per_step", each},
                     {"seconds_left", each * static_cast<double>(steps_ - done())}}));
}

// The operations are all ranks', and so is the peak.
void TrainingRun::add_card(Json& line, double tflops) const {
  const auto card = card_use(place_.device);
  if (!card) return;
  line.add("device_bytes", card->peak_bytes);
  if (peak_tflops_ > 0) line.add("mfu", tflops / (peak_tflops_ * static_cast<double>(ranks_.count())));
}

void TrainingRun::note(const char* event, Json line) {
  if (!first_rank()) return;
  metrics_->append(line);
  line.add("event", event);
  tell(std::move(line));
}

Json TrainingRun::summary() const {
  static const MetricsTotals nothing;
  const auto& before = metrics_ ? metrics_->before() : nothing;
  auto json = Json::object({{"out", settings_.out},
                            {"preset", settings_.preset},
                            {"step", done()},
                            {"steps", steps_},
                            {"settings", identity_.numeric},
                            {"samples", before.samples + samples_},
                            {"tokens", before.tokens + tokens_},
                            {"seconds", before.seconds + seconds_},
                            {"skipped", skipped_},
                            {"cut", before.cut + cut_},
                            {"diverged", stepper_->state().left_out},
                            {"learning", stepper_->network().learners().learning()},
                            {"rank", ranks_.rank()},
                            {"ranks", ranks_.count()},
                            {"resident_before_bytes", resident_before_},
                            {"peak_resident_bytes", peak_resident_bytes()}});
  json.add("device", place_.device.str());
  if (const auto card = card_use(place_.device)) {
    json.add("device_name", card->name);
    json.add("peak_device_bytes", card->peak_bytes);
  }
  if (!resumed_from_.empty()) json.add("resumed_from", resumed_from_);
  const auto add = [&](const char* name, const std::optional<double>& value, const std::optional<double>& otherwise) {
    if (value || otherwise) json.add(name, value ? *value : *otherwise);
  };
  add("first_loss", before.first_loss, first_loss_);
  add("last_loss", last_ ? std::optional(last_->loss) : std::nullopt, before.last_loss);
  add("eval_loss", eval_loss_, before.eval_loss);
  return json;
}

// Once a process: the steps and the report count all of them.
void TrainingRun::tell_of_cuts(const std::vector<std::string>& here) {
  if (cut_now_ == 0 || cuts_told_) return;
  cuts_told_ = true;
  std::vector<std::string> names;
  for (int64_t rank = 0; rank < ranks_.count(); ++rank) {
    std::string mine;
    for (const auto& name : here) mine += cat(mine.empty() ? "" : "; ", name);
    if (auto found = shared_text(comm_.get(), mine, rank); !found.empty()) names.push_back(std::move(found));
  }
  std::string all;
  for (const auto& name : names) all += cat(all.empty() ? "" : "; ", name);
  const auto text = cat("samples longer than max_length, ", data_.maker->rules().max_length,
                        " positions, are cut: what is beyond it is not learned. The first are ", all);
  tell(Json::object({{"event", "warning"}, {"message", text}}));
}

// What the settings come to that nobody would ask for; said where the run begins.
void TrainingRun::tell_of_schedule() {
  const auto text = warm_up_warning(step_recipe(settings_, steps_).schedule);
  if (text.empty() || first_ > 0) return;
  tell(Json::object({{"event", "warning"}, {"message", text}}));
}

}  // namespace llava::core
