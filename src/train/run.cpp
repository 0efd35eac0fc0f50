// The run around the stepper.
#include "train/run.hpp"

#include <ATen/ops/full.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "checkpoint/fingerprint.hpp"
#include "comm/agree.hpp"
#include "comm/gloo_comm.hpp"
#include "comm/rendezvous.hpp"
#include "train/adapter_output.hpp"
#include "train/snapshot.hpp"
#include "train/stages.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kState = "run.json";
constexpr const char* kLock = "run.lock";
constexpr const char* kConfig = "config.json";
constexpr int64_t kMostFailedSaves = 3;

double seconds_since(int64_t begin_ns) { return static_cast<double>(now_ns() - begin_ns) * 1e-9; }

CountProgress progress_of(const RunListener& listener) {
  if (!listener) return {};
  return [&listener](const char* phase, int64_t done, int64_t total) {
    listener(Json::object({{"event", "progress"}, {"phase", phase}, {"done", done}, {"total", total}}));
  };
}

void make_folder(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) throw Error(Status::io, cat(printable(path), ": cannot be made: ", failure.message()));
}

// Nothing in it, or what a run leaves that failed before its first step.
bool is_free(const std::string& path) {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(path, failure))
    if (entry.path().filename() != kLock) return false;
  if (failure) throw Error(Status::io, cat(printable(path), ": cannot be read: ", failure.message()));
  return true;
}

// Moves the files of `from` into `to`, in place of those of their names; `mark`, which makes it a model, last.
void move_model(const std::string& from, const std::string& to, const char* mark) {
  std::error_code failure;
  fs::remove(to + "/" + mark, failure);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(from)) names.push_back(entry.path().filename().string());
  std::stable_partition(names.begin(), names.end(), [&](const auto& name) { return name != mark; });
  for (const auto& name : names) {
    const auto target = to + "/" + name;
    fs::remove_all(target, failure);
    fs::rename(from + "/" + name, target, failure);
    if (failure) throw Error(Status::io, cat(printable(target), ": cannot be moved there: ", failure.message()));
  }
}

// A mask that fits nothing, told with what there is.
void check_mask(const LoadPlan& plan, const std::string& learns) {
  const auto mask = mask_of(learns);
  std::string some;
  for (const auto& [name, view] : plan.tensors.found) {
    if (mask(name)) return;
    if (name.ends_with(".0.self_attn.q_proj.weight") || name.starts_with("projector.")) some += " " + name;
  }
  throw Error(Status::argument,
              cat("what learns is \"", printable(learns), "\", which fits no parameter, such as", some));
}

}  // namespace

TrainingRun::TrainingRun(const RunSettings& settings, RunListener listener, const Cancel& cancel)
    : settings_(settings), listener_(std::move(listener)), cancel_(cancel) {
  check_settings(settings_);
  if (settings_.out.empty()) throw Error(Status::argument, "no folder for the run is given");
  settings_.load.cancel = cancel;
  meet();
  if (!first_rank()) listener_ = nullptr;
  together(comm_.get(), [&] { open_inputs(); });
  require_same(comm_.get(), "the settings of the run", numeric_.dump());
  together(comm_.get(), [&] { take_folder(); });
  auto recipe = step_recipe(settings_, steps_);
  recipe.max_rows = data_.maker->rules().max_length;
  stepper_ = std::make_unique<Stepper>(plan_, mask_of(settings_.learns), recipe, cancel, ranks_);
  resume();
  first_ = done();
  if (!finished())
    together(comm_.get(), [&] {
      feed_ = std::make_unique<Feed>(data_, settings_, ranks_, first_, progress_of(listener_), cancel_);
    });
  together(comm_.get(), [&] { open_records(); });
  tell(Json::object({{"event", "start"},
                     {"stage", settings_.stage},
                     {"preset", settings_.preset},
                     {"step", first_},
                     {"steps", steps_},
                     {"records", data_.index->size()},
                     {"learning", stepper_->network().learners().learning()},
                     {"parameters", plan_.checkpoint.parameters},
                     {"ranks", ranks_.count()},
                     {"resumed_from", resumed_from_}}));
}

void TrainingRun::meet() {
  if (!settings_.ranks) return;
  comm_ = open_comm(place_from());
  ranks_ = {comm_.get(), settings_.zero, settings_.deterministic};
}

void TrainingRun::open_inputs() {
  plan_ = plan_load(settings_.model, settings_.load);
  require_loadable(plan_);
  check_mask(plan_, settings_.learns);
  const auto progress = progress_of(listener_);
  data_ = open_data(settings_.data, settings_, plan_.checkpoint, progress, cancel_);
  if (!settings_.eval_data.empty())
    eval_data_ = open_data(settings_.eval_data, settings_, plan_.checkpoint, progress, cancel_);
  const auto per_epoch = (data_.index->size() + settings_.batch - 1) / settings_.batch;
  steps_ = settings_.steps > 0 ? settings_.steps : per_epoch * settings_.epochs;
  numeric_ = numeric_settings(settings_, steps_, to_hex(data_.index->hash()),
                              model_fingerprint(plan_.config_text, plan_.tensors));
}

// What only the first rank writes.
void TrainingRun::open_records() {
  if (!first_rank()) return;
  metrics_ = std::make_unique<MetricsFile>(settings_.out + "/metrics.jsonl", first_);
  evaluated_step_ = metrics_->before().eval_step;
  if (settings_.tensorboard) tensorboard_ = std::make_unique<TensorboardFile>(settings_.out + "/tensorboard");
  write_state("running");
}

TrainingRun::~TrainingRun() = default;

int64_t TrainingRun::done() const { return stepper_->state().steps_done; }

void TrainingRun::take_folder() {
  if (!first_rank()) return;
  make_folder(settings_.out);
  const auto& out = settings_.out;
  const bool run = file_exists(out + "/" + kState);
  if (!run && !is_free(out))
    throw Error(Status::argument, cat(printable(out), ": holds other things and no run; name a new folder"));
  lock_ = std::make_unique<FileLock>(out + "/" + kLock);
  if (run && settings_.resume == "never")
    throw Error(Status::argument, cat(printable(out), ": holds a run, and resume is never; name a new folder"));
}

void TrainingRun::resume() {
  const auto& how = settings_.resume;
  if (how == "never") return;
  if (how != "auto" && !file_exists(how + "/manifest.json"))
    throw Error(Status::argument, cat("resume is \"", printable(how),
                                      "\", expected auto, never, or the folder of a snapshot "
                                      "such as ",
                                      settings_.out, "/checkpoints/step-00000100"));
  if (how == "auto") {
    if (const auto found = resume_newest(settings_.out, *stepper_, numeric_)) resumed_from_ = *found;
  } else {
    resume_from(how, *stepper_, numeric_);
    resumed_from_ = how;
  }
  if (!resumed_from_.empty()) {
    saved_step_ = how == "auto" ? done() : -1;
    log_info(cat("goes on from ", resumed_from_));
  }
}

void TrainingRun::tell(Json event) {
  if (listener_) listener_(event);
}

void TrainingRun::step() {
  if (finished()) throw Error(Status::state, cat("all ", steps_, " steps are done"));
  const auto begin = now_ns();
  StepReport report;
  double waited = 0;
  try {
    const auto before = feed_ ? feed_->waited_seconds() : 0;
    const auto& samples = next_samples();
    waited = feed_->waited_seconds() - before;
    for (const auto& message : samples.skipped) tell(Json::object({{"event", "skipped"}, {"message", message}}));
    report = stepper_->step(samples.leaves, cancel_);
  } catch (...) {
    feed_.reset();  // it stands one step further than the model
    throw;
  }
  try {
    tell_step(report, seconds_since(begin), waited);
  } catch (...) {
    if (comm_) comm_->abort("the first rank could not tell or write what a step came to");
    throw;
  }
  if (comm_) comm_->progress("what follows a step", Doing::slow);
  save_when_due();  // first: an evaluation that fails takes no step along
  const bool due = settings_.eval_every > 0 && done() % settings_.eval_every == 0;
  if (eval_data_ && (due || finished())) evaluate();
}

// Of this rank's leaves. What is skipped is counted over all ranks.
const StepSamples& TrainingRun::next_samples() {
  const StepSamples* samples = nullptr;
  if (comm_) comm_->progress("loading", Doing::busy);
  together(comm_.get(), [&] {
    if (!feed_) feed_ = std::make_unique<Feed>(data_, settings_, ranks_, done(), progress_of(listener_), cancel_);
    samples = &feed_->next();
  });
  skipped_ = feed_->skipped();
  if (!comm_ || settings_.skip_bad == 0) return *samples;
  auto all = at::full({1}, skipped_, at::kLong);
  comm_->all_reduce(all, Reduce::sum);
  skipped_ = all.item<int64_t>();
  if (settings_.skip_bad > 0 && skipped_ > settings_.skip_bad)
    throw Error(Status::limit, cat(skipped_, " records cannot be used on ", ranks_.count(), " ranks, at most ",
                                   settings_.skip_bad, " may be skipped; each is named in the log of its rank"));
  return *samples;
}

bool TrainingRun::any_rank_says(bool mine) { return any_rank(comm_.get(), mine); }

void TrainingRun::tell_step(const StepReport& report, double seconds, double data_seconds) {
  last_ = report;
  if (!first_loss_) first_loss_ = report.loss;
  seconds_ += seconds;
  samples_ += report.samples;
  tokens_ += report.rows;
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
  if (report.clipped) line.add("clipped", true);
  if (report.samples == 0) line.add("empty", true);
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

double TrainingRun::evaluate() {
  if (!eval_data_) throw Error(Status::state, "the run has no held-out records");
  const auto begin = now_ns();
  Evaluation result;
  together(comm_.get(), [&] {
    if (first_rank()) result = evaluate_on(*eval_data_, settings_, stepper_->network(), cancel_);
  });
  if (!first_rank()) return 0;
  eval_loss_ = result.loss;
  evaluated_step_ = done();
  auto line = Json::object({{"step", done()},
                            {"eval_loss", result.loss},
                            {"samples", result.samples},
                            {"labels", result.labels},
                            {"seconds", seconds_since(begin)}});
  metrics_->append(line);
  if (tensorboard_) tensorboard_->add(done(), {{"eval/loss", result.loss}});
  line.add("event", "evaluation");
  tell(std::move(line));
  return result.loss;
}

void TrainingRun::save() {
  if (saved_step_ == done()) return;
  const auto begin = now_ns();
  save_snapshot(settings_.out, *stepper_, numeric_, settings_.keep);
  saved_step_ = done();
  tell(Json::object({{"event", "saved"}, {"step", done()}, {"seconds", seconds_since(begin)}}));
}

void TrainingRun::leave() {
  save();
  together(comm_.get(), [&] {
    if (first_rank()) write_state("stopped");
  });
}

void TrainingRun::save_when_due() {
  if (!finished() && (settings_.save_every == 0 || done() % settings_.save_every != 0)) return;
  try {
    save();
    failed_saves_ = 0;
  } catch (const Error& error) {
    if (error.status() != Status::io || finished() || ++failed_saves_ >= kMostFailedSaves) throw;
    log_warning(cat("a snapshot could not be written, the one before is still there: ", error.message()));
    tell(Json::object({{"event", "save_failed"}, {"step", done()}, {"message", error.message()}}));
  }
}

TrainedValues TrainingRun::values() {
  TrainedValues values;
  for (const auto& learner : stepper_->network().learners().all())
    if (learner.learns()) values.emplace(learner.name, learner.value);
  return values;
}

void TrainingRun::write_result() {
  if (eval_data_ && any_rank_says(first_rank() && evaluated_step_ != done())) evaluate();  // it failed, or was cut off
  if (comm_) comm_->progress("writing the result", Doing::slow);
  together(comm_.get(), [&] {
    if (first_rank()) put_result();
  });
}

void TrainingRun::put_result() {
  const auto aside = settings_.out + "/result.tmp";
  std::error_code ignored;
  fs::remove_all(aside, ignored);  // of a process that ended in between
  try {
    if (settings_.lora.rank > 0) {
      save_adapter(plan_, stepper_->network(), aside, /*replace=*/false);
      move_model(aside, settings_.out, "adapter_config.json");
    } else {
      write_checkpoint(aside);
      move_model(aside, settings_.out, kConfig);
    }
  } catch (...) {
    fs::remove_all(aside, ignored);
    throw;
  }
  fs::remove_all(aside, ignored);
  write_state("finished");
  tell(Json::object({{"event", "result"}, {"path", settings_.out}}));
}

void TrainingRun::write_checkpoint(const std::string& folder) {
  make_folder(folder);
  SaveOptions options;
  options.layout = plan_.checkpoint.config.projector.depth == 2 ? "hf" : "original";
  options.cancel = cancel_;
  write_trained(plan_, values(), folder, options);
  if (settings_.projector_file) write_projector(plan_, values(), folder + "/mm_projector.safetensors");
}

void TrainingRun::write_state(const char* state) const {
  auto json = summary();
  json.add("state", state);
  write_file_atomically(settings_.out + "/" + kState, json.dump(2) + "\n");
}

Json TrainingRun::summary() const {
  const auto before = metrics_ ? metrics_->before() : MetricsTotals();
  auto json = Json::object({{"out", settings_.out},
                            {"preset", settings_.preset},
                            {"step", done()},
                            {"steps", steps_},
                            {"settings", numeric_},
                            {"samples", before.samples + samples_},
                            {"tokens", before.tokens + tokens_},
                            {"seconds", before.seconds + seconds_},
                            {"skipped", skipped_},
                            {"learning", stepper_->network().learners().learning()},
                            {"rank", ranks_.rank()},
                            {"ranks", ranks_.count()},
                            {"resident_before_bytes", resident_before_},
                            {"peak_resident_bytes", peak_resident_bytes()}});
  if (!resumed_from_.empty()) json.add("resumed_from", resumed_from_);
  const auto add = [&](const char* name, const std::optional<double>& value, const std::optional<double>& otherwise) {
    if (value || otherwise) json.add(name, value ? *value : *otherwise);
  };
  add("first_loss", before.first_loss, first_loss_);
  add("last_loss", last_ ? std::optional(last_->loss) : std::nullopt, before.last_loss);
  add("eval_loss", eval_loss_, before.eval_loss);
  return json;
}

}  // namespace llava::core
