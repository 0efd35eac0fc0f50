// The run around the stepper.
#include "train/run.hpp"

#include <ATen/ops/full.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "checkpoint/fingerprint.hpp"
#include "comm/agree.hpp"
#include "comm/gloo_comm.hpp"
#include "comm/rendezvous.hpp"
#include "ops/card_peak.hpp"
#include "ops/device.hpp"
#include "train/divergence.hpp"
#include "train/lengths.hpp"
#include "train/origin.hpp"
#include "train/sample_rules.hpp"
#include "train/snapshot.hpp"
#include "train/stages.hpp"

namespace llava::core {
namespace {

CountProgress progress_of(const RunListener& listener) {
  if (!listener) return {};
  return [&listener](const char* phase, int64_t done, int64_t total) {
    listener(Json::object({{"event", "progress"}, {"phase", phase}, {"done", done}, {"total", total}}));
  };
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
  together(comm_.get(), [&] {
    open_inputs();
    look_for_pictures();
  });
  require_same(comm_.get(), "the settings of the run", identity_.numeric.dump());
  together(comm_.get(), [&] { take_folder(); });
  auto recipe = step_recipe(settings_, steps_);
  recipe.max_rows = data_.maker->rules().max_length;
  recipe.network.place = place_;
  stepper_ = std::make_unique<Stepper>(plan_, mask_of(settings_.learns), recipe, cancel, ranks_);
  resume();
  first_ = done();
  if (!finished()) open_feed();
  together(comm_.get(), [&] { open_records(); });
  if (settings_.save_async) background_ = std::make_unique<BackgroundSave>();
  tell(Json::object({{"event", "start"},
                     {"stage", settings_.stage},
                     {"preset", settings_.preset},
                     {"step", first_},
                     {"steps", steps_},
                     {"records", data_.index->size()},
                     {"without_picture", without_picture_},
                     {"learning", stepper_->network().learners().learning()},
                     {"added", stepper_->network().learners().added()},
                     {"parameters", plan_.checkpoint.parameters},
                     {"ranks", ranks_.count()},
                     {"device", place_.device.str()},
                     {"resumed_from", resumed_from_},
                     {"interrupted", folder_ ? folder_->interrupted() : ""}}));
  tell_of_schedule();
  if (!other_means_.empty())
    tell(Json::object({{"event", "warning"},
                       {"message", cat(resumed_from_, " was made by other means: ", other_means_,
                                       "; the last digits of what follows may not be those of an unbroken run")}}));
}

void TrainingRun::meet() {
  const auto here = settings_.ranks ? place_from() : Place();
  place_ = compute_place(settings_, rank_device(settings_.device, here.local_rank));
  if (const auto card = card_use(place_.device)) peak_tflops_ = card_peak_tflops(card->name, place_.activations);
  ranks_.zero = settings_.zero;
  if (!settings_.ranks) return;
  comm_ = open_comm(here, {}, place_.device);
  ranks_ = {comm_.get(), settings_.zero, settings_.deterministic};
}

void TrainingRun::open_inputs() {
  plan_ = plan_load(settings_.model, settings_.load);
  require_loadable(plan_);
  fit_to_model(settings_, plan_.checkpoint);
  check_mask(plan_, settings_.learns);
  const auto progress = progress_of(listener_);
  data_ = open_data(settings_.data, settings_, plan_.checkpoint, progress, cancel_);
  if (!settings_.eval_data.empty())
    eval_data_ = open_data(settings_.eval_data, settings_, plan_.checkpoint, progress, cancel_);
  const auto per_epoch = (data_.index->size() + settings_.batch - 1) / settings_.batch;
  steps_ = settings_.steps > 0 ? settings_.steps : per_epoch * settings_.epochs;
  identity_ = {numeric_settings(settings_, steps_, to_hex(data_.index->hash()),
                                model_fingerprint(plan_.config_text, plan_.tensors)),
               origin_of(*data_.index, plan_), machine_of()};
}

// The first rank looks for all.
void TrainingRun::look_for_pictures() {
  if (!first_rank() || learns_words(settings_, plan_)) return;
  without_picture_ = count_without_picture(data_, settings_.learns, progress_of(listener_), cancel_);
  if (without_picture_ > 0)
    log_warning(cat(printable(data_.index->path()), ": ", without_picture_, " of ", data_.index->size(),
                    " records have no picture, and teach nothing: what learns is ", printable(settings_.learns)));
}

// What only the first rank writes.
void TrainingRun::open_records() {
  if (!first_rank()) return;
  if (folder_->is_new()) folder_->write(summary(), "left");  // first: a folder without it that is not empty is no run
  metrics_ = std::make_unique<MetricsFile>(settings_.out + "/metrics.jsonl", first_);
  evaluated_step_ = metrics_->before().eval_step;
  if (settings_.tensorboard) tensorboard_ = std::make_unique<TensorboardFile>(settings_.out + "/tensorboard");
  write_state("running");
}

TrainingRun::~TrainingRun() {
  if (state_ != "running") return;
  try {
    write_state("left");
  } catch (const std::exception&) {
    // then it says "running" as after a crash, and who comes next says that it was interrupted
  }
}

int64_t TrainingRun::done() const { return stepper_->state().steps_done; }

void TrainingRun::take_folder() {
  if (!first_rank()) return;
  folder_ = std::make_unique<RunFolder>(settings_.out, settings_.resume == "never");
  if (const auto& who = folder_->interrupted(); !who.empty()) log_info(cat("the run was interrupted: ", who));
}

void TrainingRun::resume() {
  const auto& how = settings_.resume;
  if (how == "never") return;
  if (how != "auto" && !file_exists(how + "/manifest.json"))
    throw Error(Status::argument, cat("resume is \"", printable(how),
                                      "\", expected auto, never, or the folder of a snapshot "
                                      "such as ",
                                      settings_.out, "/checkpoints/step-00000100"));
  if (how == "auto")
    resumed_from_ = resume_newest(settings_.out, *stepper_, identity_, &other_means_).value_or("");
  else
    resume_from(resumed_from_ = how, *stepper_, identity_, &other_means_);
  if (resumed_from_.empty()) return;
  saved_step_ = how == "auto" ? done() : -1;
  log_info(cat("goes on from ", resumed_from_));
}

void TrainingRun::step() {
  if (finished()) throw Error(Status::state, cat("all ", steps_, " steps are done"));
  go_on_running();
  const auto begin = now_ns();
  StepReport report;
  double waited = 0;
  std::optional<Error> diverged;
  try {
    const auto before = feed_ ? feed_->waited_seconds() : 0;
    const StepSamples* given = nullptr;
    or_save([&] { given = &next_samples(); });
    const auto& samples = *given;
    waited = feed_->waited_seconds() - before;
    tell_of_cuts(samples.cut);
    for (const auto& message : samples.skipped) tell(Json::object({{"event", "skipped"}, {"message", message}}));
    try {
      report = stepper_->step(samples.leaves, cancel_);
    } catch (const Error& error) {
      if (error.status() != Status::diverged) throw;
      diverged = error_with_fault(samples, error);
      if (stepper_->state().left_out_in_a_row >= settings_.skip_diverged) throw *diverged;
    }
  } catch (...) {
    feed_.reset();  // it stands one step further than the model
    throw;
  }
  try {
    diverged ? pass_over(*diverged) : tell_step(report, seconds_since(begin), waited);
  } catch (...) {
    if (comm_) comm_->abort("the first rank could not tell or write what a step came to");
    throw;
  }
  if (comm_) comm_->progress("what follows a step", Doing::slow);
  save_when_due();  // first: an evaluation that fails takes no step along
  const bool due = settings_.eval_every > 0 && done() % settings_.eval_every == 0;
  if (eval_data_ && (due || finished())) or_save([&] { evaluate(); });
  estimate();
}

// A record that cannot be used ends the run on every rank; the steps until then are not lost with it.
void TrainingRun::or_save(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    constexpr Status kOfRecords[] = {Status::argument, Status::not_found,   Status::io,
                                     Status::format,   Status::unsupported, Status::limit};
    if (done() > 0 && std::ranges::find(kOfRecords, error.status()) != std::end(kOfRecords)) save_if_possible();
    throw;
  }
}

// The first rank looks at the records where their lengths matter, and leaves what it finds to the others and to later runs.
void TrainingRun::open_feed() {
  const auto look = [&](bool first) {
    if (first_rank() == first) lengths_ = order_lengths(data_, settings_, first, progress_of(listener_), cancel_);
  };
  together(comm_.get(), [&] { look(true); });
  together(comm_.get(), [&] { look(false); });
  together(comm_.get(), [&] { feed_ = std::make_unique<Feed>(data_, settings_, ranks_, done(), *lengths_, cancel_); });
}

// Of this rank's leaves. What is skipped is counted over all ranks.
const StepSamples& TrainingRun::next_samples() {
  const StepSamples* samples = nullptr;
  if (comm_) comm_->progress("loading", Doing::busy);
  together(comm_.get(), [&] {
    check_unchanged(plan_.tensors.files);  // what is frozen is read where it is mapped
    if (!feed_) feed_ = std::make_unique<Feed>(data_, settings_, ranks_, done(), *lengths_, cancel_);
    samples = &feed_->next();
  });
  skipped_ = feed_->skipped();
  cut_now_ = samples->cut_count;
  if (!comm_) return *samples;
  auto all = at::full({2}, skipped_, at::kLong);
  all.mutable_data_ptr<int64_t>()[1] = cut_now_;
  comm_->all_reduce(all, Reduce::sum);
  skipped_ = all.const_data_ptr<int64_t>()[0];
  cut_now_ = all.const_data_ptr<int64_t>()[1];
  if (settings_.skip_bad > 0 && skipped_ > settings_.skip_bad)
    throw Error(Status::limit, cat(skipped_, " records cannot be used on ", ranks_.count(), " ranks, at most ",
                                   settings_.skip_bad, " may be skipped; each is named in the log of its rank"));
  return *samples;
}

// Every rank looks at its own micro-batches, and all say what all have found.
Error TrainingRun::error_with_fault(const StepSamples& samples, const Error& error) {
  std::string mine;
  if (comm_) comm_->progress("looking for what diverged", Doing::slow);
  together(comm_.get(), [&] { mine = what_diverged(*stepper_, samples.leaves, samples.records, cancel_); });
  std::string all;
  for (int64_t rank = 0; rank < ranks_.count(); ++rank)
    if (const auto found = shared_text(comm_.get(), mine, rank); !found.empty())
      all += cat(all.empty() ? "" : "; ", found);
  return {Status::diverged, cat(error.message(), ". ", all.empty() ? "Each micro-batch alone is finite" : all)};
}

// The step counts, so that the run goes on with the next one.
void TrainingRun::pass_over(const Error& error) {
  stepper_->pass_over();
  if (!first_rank()) return;
  auto line = Json::object({{"step", done()}, {"diverged", true}, {"message", error.message()}});
  line.add("in_a_row", stepper_->state().left_out_in_a_row);
  log_warning(cat("left out: ", error.message()));
  note("diverged", std::move(line));
}

bool TrainingRun::any_rank_says(bool mine) { return any_rank(comm_.get(), mine); }

void TrainingRun::alone(const char* what, const std::function<void()>& work) {
  if (comm_ && (first_rank() || ranks_.values_in_shards())) comm_->progress(what, Doing::slow);
  if (ranks_.values_in_shards()) return stepper_->network().lend(work);
  if (!first_rank()) return;
  try {
    work();
  } catch (const std::exception& error) {
    if (comm_) comm_->abort(cat(what, ": ", error.what()));
    throw;
  }
}

double TrainingRun::evaluate() {
  if (!eval_data_) throw Error(Status::state, "the run has no held-out records");
  const auto begin = now_ns();
  Evaluation result;
  auto& network = stepper_->network();
  network.lend([&] { result = evaluate_on(*eval_data_, settings_, network, cancel_); });
  if (!first_rank()) return 0;
  eval_loss_ = result.loss;
  evaluated_step_ = done();
  auto line = Json::object({{"step", done()},
                            {"eval_loss", result.loss},
                            {"samples", result.samples},
                            {"labels", result.labels},
                            {"seconds", seconds_since(begin)}});
  if (result.cut > 0) line.add("cut", result.cut);
  if (tensorboard_) tensorboard_->add(done(), {{"eval/loss", result.loss}});
  note("evaluation", std::move(line));
  return result.loss;
}

}  // namespace llava::core
