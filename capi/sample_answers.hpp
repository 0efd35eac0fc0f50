// What the model of a run answers on its way: the first questions of a few records, asked again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "generate/session.hpp"
#include "train/run.hpp"

namespace llava::capi {

class SampleAnswers {
 public:
  /// The first records of settings.answer_data, at most three, each with what is said before its first answer. The model
  /// that the run begins with is loaded beside it, mapped. Throws what load_bundle() does and RecordError.
  SampleAnswers(const core::RunSettings& settings, const core::ComputePlace& place, const core::Cancel& cancel);

  /// Asks the model as it is now, greedily; run.note() hears each answer as event "answer": step, record (its place in the
  /// file, from 1), question, answer, expected.
  void ask(core::TrainingRun& run, const core::Cancel& cancel) const;

 private:
  struct Question {
    int64_t record = 0;
    core::Turn turn;
    std::string text, expected;
  };
  std::shared_ptr<const core::Bundle> base_;
  std::string template_name_;
  std::vector<Question> questions_;
};

}  // namespace llava::capi
