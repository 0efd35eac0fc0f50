// Training: plans, whole stages in this process or in several, runs that are stepped. Options come as the JSON that names
// them in C; paths beside it, for they need not be UTF-8.
#include <atomic>

#include "parts.hpp"

namespace llava_python {
namespace {

using OwnedModel = Owned<llava::Model>;
using OwnedCancel = Owned<llava::Cancel>;
using Text = const std::string&;
using Paths = std::map<std::string, std::string>;

llava::TrainOptions train_options(Text json, const Paths& paths, OwnedCancel* cancel) {
  static const std::map<std::string, std::string llava::TrainOptions::*> kPaths = {
      {"data", &llava::TrainOptions::data},
      {"image_root", &llava::TrainOptions::image_root},
      {"out_dir", &llava::TrainOptions::out_dir},
      {"resume", &llava::TrainOptions::resume},
      {"eval_data", &llava::TrainOptions::eval_data},
      {"vision_tower", &llava::TrainOptions::vision_tower},
      {"projector", &llava::TrainOptions::projector},
      {"rank_program", &llava::TrainOptions::rank_program},
      {"answer_data", &llava::TrainOptions::answer_data}};
  auto options = llava::TrainOptions::from_json(json);
  for (const auto& [name, path] : paths) options.*kPaths.at(name) = path;
  options.cancel = token_of(cancel);
  return options;
}

struct Interrupts {
  std::atomic<int> asked{0};  // how often Ctrl-C came
  std::exception_ptr raised;  // the KeyboardInterrupt that one raised inside a callback
};
using Asked = std::shared_ptr<Interrupts>;

// Hands events to `callable`, borrowed; its False stops the run after the step, as does Ctrl-C, also one that is heard by
// the callable's own code.
std::function<bool(const std::string&)> listener_of(const py::object& callable, const Asked& asked) {
  return [function = py::handle(callable), asked](const std::string& event) {
    if (!function.is_none()) {
      const WithGil gil;
      try {
        if (py::object(function(py::str(event))).is(py::bool_(false))) return false;
      } catch (const py::error_already_set& error) {
        if (!error.matches(PyExc_KeyboardInterrupt)) throw;
        asked->raised = std::current_exception();
        return false;
      }
    }
    return asked->asked == 0;
  };
}

// A call that may have been stopped by a KeyboardInterrupt inside a callback, which then is what it comes to.
template <typename Call>
std::string interruptible(const Asked& asked, Call&& call) {
  std::string report;
  try {
    report = call();
  } catch (const llava::Error&) {
    if (!asked->raised) throw;
  }
  if (asked->raised) std::rethrow_exception(asked->raised);
  return report;
}

std::string plan_training(Text model_path, Text json, const Paths& paths, const py::object& on_event,
                          OwnedCancel* cancel) {
  auto options = train_options(json, paths, cancel);
  const auto asked = std::make_shared<Interrupts>();
  if (!on_event.is_none()) options.event = listener_of(on_event, asked);
  return interruptible(asked, [&] {
    return blocking(stop_of(options.cancel), [&] { return llava::train_plan(model_path, options).json(); });
  });
}

// At the first Ctrl-C the step is finished and saved, by this process alone or by the ranks it has started; at the second
// this process leaves the step, and ranks are ended.
template <typename Call>
std::string train_whole(llava::TrainOptions& options, const py::object& on_event, Call&& call) {
  const auto asked = std::make_shared<Interrupts>();
  options.event = listener_of(on_event, asked);
  const auto stop = [asked, token = options.cancel, abandon = options.abandon, several = options.nproc > 1] {
    const bool again = asked->asked++ > 0;
    if (again || several) llava_cancel_cancel(token.get());
    if (again) llava_cancel_cancel(abandon.get());
  };
  return interruptible(asked, [&] { return blocking(stop, [&] { return call(options).json(); }); });
}

std::string train_stage(OwnedModel& self, Text json, const Paths& paths, const py::object& on_event,
                        OwnedCancel* cancel, OwnedCancel* abandon) {
  auto options = train_options(json, paths, cancel);
  options.abandon = token_of(abandon);
  auto model = self.use("Model");
  return train_whole(options, on_event, [&](const auto& given) { return llava::train_stage(*model, given); });
}

std::string train_launch(Text model_path, Text json, const Paths& paths, const py::object& on_event,
                         OwnedCancel* cancel, OwnedCancel* abandon) {
  auto options = train_options(json, paths, cancel);
  options.abandon = token_of(abandon);
  return train_whole(options, on_event, [&](const auto& given) { return llava::train_launch(model_path, given); });
}

// The token is for the second Ctrl-C, which leaves the step that the first one would finish.
struct Run {
  llava::Trainer trainer;
  llava::Cancel token;
  explicit operator bool() const { return static_cast<bool>(trainer); }
};
using OwnedRun = Owned<Run>;

std::unique_ptr<OwnedRun> open_run(Text model_path, Text json, const Paths& paths, OwnedCancel* cancel) {
  const auto options = train_options(json, paths, cancel);
  return std::make_unique<OwnedRun>(blocking(stop_of(options.cancel), [&] {
    return Run{llava::Trainer(model_path, options), options.cancel};
  }));
}

// "through": the result is written; "stopped": saved before `steps` were done, because somebody asked; "more".
const char* run(OwnedRun& self, int64_t steps) {
  auto use = self.use("Trainer");
  const auto& trainer = use->trainer;
  const auto asked = std::make_shared<std::atomic<int>>(0);
  const auto stop = [asked, handles = *use] {
    if ((*asked)++ > 0)
      llava_cancel_cancel(handles.token.get());
    else
      llava_trainer_request_stop(handles.trainer.get());
  };
  const auto before = trainer.metrics().step;
  return blocking(stop, [&] {
    if (trainer.run(steps)) return "through";
    if (trainer.metrics().step - before < steps) return "stopped";
    if (*asked == 0) return "more";
    return trainer.run(1) ? "through" : "stopped";  // it came in the last step: the stop is still to be taken
  });
}

template <typename Call>
auto quick(OwnedRun& self, Call&& call) {
  auto use = self.use("Trainer");
  return unlocked([&] { return call(use->trainer); });
}

double evaluate(OwnedRun& self) {
  auto use = self.use("Trainer");
  return blocking(stop_of(use->token), [&] { return use->trainer.evaluate(); });
}

py::dict metrics_of(OwnedRun& self) {
  const auto metrics = quick(self, [](const auto& trainer) { return trainer.metrics(); });
  py::dict out;
  out["finished"] = metrics.finished != 0;
  out["step"] = metrics.step;
  out["steps"] = metrics.steps;
  out["samples"] = metrics.samples;
  out["tokens"] = metrics.tokens;
  out["labels"] = metrics.labels;
  out["loss"] = metrics.loss;
  out["lr"] = metrics.lr;
  out["grad_norm"] = metrics.grad_norm;
  out["seconds"] = metrics.seconds;
  out["eval_loss"] = metrics.eval_loss < 0 ? py::object(py::none()) : py::object(py::float_(metrics.eval_loss));
  return out;
}

void add_trainer(py::module_& module) {
  py::class_<OwnedRun>(module, "Trainer")
      .def(py::init(&open_run), py::arg("model_path"), py::arg("options"), py::arg("paths"), py::arg("cancel"))
      .def("run", &run, py::arg("steps"))
      .def("request_stop", [](OwnedRun& self) { quick(self, [](const auto& trainer) { trainer.request_stop(); }); })
      .def(
          "pause", [](OwnedRun& self, bool on) { quick(self, [&](const auto& trainer) { trainer.pause(on); }); },
          py::arg("on"))
      .def(
          "next_event",
          [](OwnedRun& self, int64_t timeout_ms) {
            return quick(self, [&](const auto& trainer) { return trainer.next_event(timeout_ms); });
          },
          py::arg("timeout_ms"))
      .def("metrics", &metrics_of)
      .def("evaluate", &evaluate)
      .def("save", [](OwnedRun& self) { quick(self, [](const auto& trainer) { trainer.save(); }); })
      .def("report_json",
           [](OwnedRun& self) { return quick(self, [](const auto& trainer) { return trainer.report().json(); }); })
      .def("close", [](OwnedRun& self) { self.close([](const Run& run) { run.trainer.request_stop(); }); })
      .def_property_readonly("closed", &OwnedRun::closed);
}

}  // namespace

void add_train(py::module_& module) {
  module.def("plan_training_json", &plan_training, py::arg("model_path"), py::arg("options"), py::arg("paths"),
             py::arg("on_event"), py::arg("cancel"));
  module.def(
      "training_status_json", [](Text out_dir) { return llava::train_status(out_dir).json(); }, py::arg("out_dir"),
      py::call_guard<py::gil_scoped_release>());
  module.def("train_stage_json", &train_stage, py::arg("model"), py::arg("options"), py::arg("paths"),
             py::arg("on_event"), py::arg("cancel"), py::arg("abandon"));
  module.def("train_launch_json", &train_launch, py::arg("model_path"), py::arg("options"), py::arg("paths"),
             py::arg("on_event"), py::arg("cancel"), py::arg("abandon"));
  add_trainer(module);
}

}  // namespace llava_python
