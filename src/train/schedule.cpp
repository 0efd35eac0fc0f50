// Warm-up and what follows.
#include "train/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace llava::core {
namespace {

constexpr int64_t kIdlePart = 10;  // a step in so many may have rate 0 without a word, as in all published runs

}  // namespace

double Schedule::factor(int64_t step) const {
  if (step < warmup_steps) return static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, warmup_steps));
  const auto rest = static_cast<double>(std::max<int64_t>(1, steps - warmup_steps));
  const double done = static_cast<double>(step - warmup_steps) / rest;
  switch (shape) {
    case Shape::cosine:
      return std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * done)));
    case Shape::linear:
      return std::max(0.0, 1 - done);
    case Shape::constant:
      return 1;
    case Shape::wsd:
      return std::clamp(static_cast<double>(steps - step) / static_cast<double>(std::max<int64_t>(1, decay_steps)), 0.0,
                        1.0);
  }
  throw Error(Status::internal, "a schedule without a shape");
}

int64_t warmup_steps(double ratio, int64_t steps) {
  return static_cast<int64_t>(std::ceil(ratio * static_cast<double>(steps)));
}

int64_t decay_steps(double ratio, int64_t steps, int64_t warmup) {
  return std::clamp<int64_t>(warmup_steps(ratio, steps), 0, std::max<int64_t>(0, steps - warmup));
}

std::string warm_up_warning(const Schedule& schedule) {
  int64_t idle = 0;
  while (idle < schedule.steps && idle < schedule.warmup_steps && schedule.factor(idle) == 0) ++idle;
  const bool peak = schedule.warmup_steps < schedule.steps;
  if (peak && idle * kIdlePart <= schedule.steps) return "";
  const auto begin = cat(schedule.steps, schedule.steps == 1 ? " step, " : " steps, ", schedule.warmup_steps,
                         " of warm-up, which begins at learning rate 0: ");
  const auto what = idle == schedule.steps ? std::string("no step learns, and the result is what the run began with")
                    : !peak                ? std::string("the peak of the learning rate is never reached")
                                           : cat("step 1 of ", schedule.steps, " learns nothing");
  return cat(begin, what, "; set warmup_steps to 0 (--warmup 0), or make more steps: a smaller batch, more epochs");
}

Schedule::Shape schedule_named(const std::string& name) {
  if (name == "cosine") return Schedule::Shape::cosine;
  if (name == "linear") return Schedule::Shape::linear;
  if (name == "constant") return Schedule::Shape::constant;
  if (name == "wsd") return Schedule::Shape::wsd;
  throw Error(Status::argument, cat("the schedule is \"", name, "\", expected cosine, linear, constant or wsd"));
}

}  // namespace llava::core
