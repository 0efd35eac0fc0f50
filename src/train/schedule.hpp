// The learning rate of each step.
#pragma once

#include <cstdint>
#include <string>

namespace llava::core {

struct Schedule {
  /// `wsd` (warm-up, stable, decay): the peak, and over the last `decay_steps` straight down to 0.
  enum class Shape : uint8_t { cosine, linear, constant, wsd };
  Shape shape = Shape::cosine;
  int64_t steps = 0;         // of the whole run
  int64_t warmup_steps = 0;  // the first of them has rate 0 when there are any, as transformers' schedulers have it
  int64_t decay_steps = 0;   // of wsd

  /// The factor to the peak rate at `step`, counted from 0.
  /// Source: transformers v4.57, optimization.py, get_cosine_schedule_with_warmup and its neighbours, get_wsd_schedule with
  /// decay_type "linear" among them.
  double factor(int64_t step) const;
};

/// ceil(ratio * steps), as transformers' TrainingArguments.get_warmup_steps.
int64_t warmup_steps(double ratio, int64_t steps);

/// The part of a run over which wsd goes down where nothing else is said (Hu et al. 2024, MiniCPM, arXiv:2404.06395, section
/// 4: a tenth of the tokens suffices).
inline constexpr double kDecayRatio = 0.1;

/// ceil(ratio * steps), and no more than come after the warm-up.
int64_t decay_steps(double ratio, int64_t steps, int64_t warmup);

/// "cosine", "linear", "constant", "wsd"; Error(argument) for others.
Schedule::Shape schedule_named(const std::string& name);

/// What a warm-up that is long for the run comes to, and what to set: no step learns (the first has rate 0 and is the
/// last), not all do (more than a tenth of them), or the peak is never reached. "" where nothing is to be said.
std::string warm_up_warning(const Schedule& schedule);

}  // namespace llava::core
