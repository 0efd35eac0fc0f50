// The learning rate of each step.
#pragma once

#include <cstdint>
#include <string>

namespace llava::core {

struct Schedule {
  enum class Shape : uint8_t { cosine, linear, constant };
  Shape shape = Shape::cosine;
  int64_t steps = 0;         // of the whole run
  int64_t warmup_steps = 0;  // the first of them has rate 0 when there are any, as transformers' schedulers have it

  /// The factor to the peak rate at `step`, counted from 0.
  /// Source: transformers v4.57, optimization.py, get_cosine_schedule_with_warmup and its neighbours.
  double factor(int64_t step) const;
};

/// ceil(ratio * steps), as transformers' TrainingArguments.get_warmup_steps.
int64_t warmup_steps(double ratio, int64_t steps);

/// "cosine", "linear", "constant"; Error(argument) for others.
Schedule::Shape schedule_named(const std::string& name);

/// What a warm-up that is long for the run comes to, and what to set: no step learns (the first has rate 0 and is the
/// last), not all do (more than a tenth of them), or the peak is never reached. "" where nothing is to be said.
std::string warm_up_warning(const Schedule& schedule);

}  // namespace llava::core
