// Warm-up and what follows.
#include "train/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace llava::core {

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
  }
  throw Error(Status::internal, "a schedule without a shape");
}

int64_t warmup_steps(double ratio, int64_t steps) {
  return static_cast<int64_t>(std::ceil(ratio * static_cast<double>(steps)));
}

Schedule::Shape schedule_named(const std::string& name) {
  if (name == "cosine") return Schedule::Shape::cosine;
  if (name == "linear") return Schedule::Shape::linear;
  if (name == "constant") return Schedule::Shape::constant;
  throw Error(Status::argument, cat("the schedule is \"", name, "\", expected cosine, linear or constant"));
}

}  // namespace llava::core
