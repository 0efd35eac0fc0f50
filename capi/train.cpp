// include/llava/train.h: plans, whole stages, and runs stepped by their caller.
#include <llava/train.h>

#include "arguments.hpp"
#include "options_calls.hpp"
#include "rank_launch.hpp"
#include "train/run_folder.hpp"
#include "train/run_plan.hpp"
#include "train_settings.hpp"
#include "trainer_work.hpp"

using namespace llava::capi;
namespace core = llava::core;
using core::cat;
using core::Error;
using core::Status;

namespace {

llava_report* new_report(core::Json json) {
  return wrap<llava_report>(std::make_shared<ReportObject>(std::move(json)));
}

/// The bytes of an event handed to the caller, stop asked for or not; plans cannot be stopped half way through but as a
/// failure.
core::CountProgress plan_progress(const llava_train_options& settings) {
  if (!settings.event) return {};
  return
      [event = settings.event, user_data = settings.event_user_data](const char* phase, int64_t done, int64_t total) {
        const auto text =
            core::Json::object({{"event", "progress"}, {"phase", phase}, {"done", done}, {"total", total}}).dump();
        if (ask_callback("event", LLAVA_TRAIN_STOP, [&] { return event(text.c_str(), user_data); }) == LLAVA_TRAIN_STOP)
          throw Error(Status::cancelled, "the callback event stopped the plan");
      };
}

std::shared_ptr<TrainerWork> open_run(const llava_train_options& options, const core::RunSettings& settings) {
  return std::make_shared<TrainerWork>(settings, options.event, options.event_user_data, CancelUse(options.cancel));
}

/// There are no defaults for what to train on.
void needed(const llava_train_options* options) {
  if (!options) throw Error(Status::argument, "options is NULL, expected data and a folder to write to");
}

std::shared_ptr<TrainerWork> work_of(const llava_trainer* trainer) { return get(trainer, "trainer")->work; }

}  // namespace

LLAVA_OPTIONS(train)

llava_status llava_train_plan(const char* model_path, const llava_train_options* options, llava_report** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto folder = path_argument(model_path, "model_path");
    needed(options);
    const auto settings = read_options(options);
    const CancelUse use(settings.cancel);
    *out = new_report(
        core::plan_run(run_settings(settings, folder, /*writes=*/false), plan_progress(settings), use.cancel()));
  });
}

llava_status llava_train_status(const char* out_dir, llava_report** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    *out = new_report(core::run_status(path_argument(out_dir, "out_dir")));
  });
}

llava_status llava_train_stage(llava_model* model, const llava_train_options* options, llava_report** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto bundle = get(model, "model")->bundle;
    needed(options);
    auto given = read_options(options);
    if (!given.vision_tower && !bundle->vision_tower.empty()) given.vision_tower = bundle->vision_tower.c_str();
    if (!given.projector && !given.new_projector && !bundle->projector.empty())
      given.projector = bundle->projector.c_str();
    const auto settings = run_settings(given, bundle->path, /*writes=*/true);
    if (given.nproc > 1) {
      *out = new_report(launch_ranks(given, bundle->path));
      return;
    }
    const auto work = open_run(given, settings);
    try {
      if (!work->run(INT64_MAX)) throw Error(Status::cancelled, "the callback event stopped the run; it was saved");
    } catch (const Error& error) {
      if (error.status() == Status::cancelled || error.status() == Status::timeout) work->save();
      throw;
    }
    *out = new_report(work->report());
  });
}

llava_status llava_train_launch(const char* model_path, const llava_train_options* options, llava_report** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto folder = path_argument(model_path, "model_path");
    needed(options);
    const auto given = read_options(options);
    run_settings(given, folder, /*writes=*/true);  // refused here rather than by each rank
    if (given.nproc < 1) throw Error(Status::argument, "options.nproc is 0, expected the number of processes to start");
    *out = new_report(launch_ranks(given, folder));
  });
}

llava_status llava_trainer_create(const char* model_path, const llava_train_options* options, llava_trainer** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto folder = path_argument(model_path, "model_path");
    needed(options);
    const auto settings = read_options(options);
    if (settings.nproc > 1)
      throw Error(Status::unsupported, cat("options.nproc is ", settings.nproc,
                                           ": a trainer is one process; llava_train_launch() starts several"));
    *out = wrap<llava_trainer>(
        std::make_shared<TrainerObject>(open_run(settings, run_settings(settings, folder, /*writes=*/true))));
  });
}

llava_status llava_trainer_run(llava_trainer* trainer, int64_t steps) {
  return guarded({}, [&]() -> llava_status {
    const Operation running;
    const auto work = work_of(trainer);  // not the handle's object: freeing the handle asks the run to stop
    if (steps < 1) throw Error(Status::argument, cat("steps is ", steps, ", expected at least 1"));
    return work->run(steps) ? LLAVA_END : LLAVA_OK;
  });
}

llava_status llava_trainer_request_stop(llava_trainer* trainer) {
  return guarded({}, [&] { work_of(trainer)->request_stop(); });
}

llava_status llava_trainer_pause(llava_trainer* trainer, int32_t on) {
  return guarded({}, [&] {
    const auto work = work_of(trainer);
    check_range(on, 0, 1, "on");
    work->pause(on == 1);
  });
}

llava_status llava_trainer_next_event(llava_trainer* trainer, int64_t timeout_ms, llava_string** out) {
  return guarded(cleared(out), [&]() -> llava_status {
    required(out, "out");
    const auto work = work_of(trainer);
    if (timeout_ms < -1) throw Error(Status::argument, cat("timeout_ms is ", timeout_ms, ", expected -1 or more"));
    std::string event;
    switch (work->next_event(timeout_ms, event)) {
      case TrainerWork::Pull::nothing:
        return LLAVA_WOULD_BLOCK;
      case TrainerWork::Pull::end:
        return LLAVA_END;
      case TrainerWork::Pull::event:
        break;
    }
    *out = new_string(std::move(event));
    return LLAVA_OK;
  });
}

llava_status llava_trainer_metrics(const llava_trainer* trainer, llava_train_metrics* out) {
  return guarded({}, [&] { fill_struct(out, work_of(trainer)->metrics(), "llava_train_metrics"); });
}

llava_status llava_trainer_evaluate(llava_trainer* trainer, double* loss) {
  return guarded(cleared(loss), [&] {
    const Operation running;
    required(loss, "loss");
    *loss = work_of(trainer)->evaluate();
  });
}

llava_status llava_trainer_save(llava_trainer* trainer) {
  return guarded({}, [&] {
    const Operation running;
    work_of(trainer)->save();
  });
}

llava_status llava_trainer_report(llava_trainer* trainer, llava_report** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    *out = new_report(work_of(trainer)->report());
  });
}

LLAVA_COUNTED(trainer)
