#include "sample_answers.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "data/record_index.hpp"
#include "train/current_model.hpp"
#include "train/sample_rules.hpp"

namespace llava::capi {

using core::Json;

namespace {

constexpr int64_t kQuestions = 3, kTokens = 64;

// Without its marks of pictures, and the blanks around them.
std::string words_of(std::string text) {
  for (size_t at; (at = text.find(core::kImageText)) != std::string::npos;) text.erase(at, core::kImageText.size());
  const auto first = text.find_first_not_of(" \n"), last = text.find_last_not_of(" \n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

// Where the run's own weights lie, and as it computes with them.
core::LoadOptions beside_the_run(core::LoadOptions load, const core::ComputePlace& place) {
  load.device = place.device.str();
  if (!place.reads_stored()) load.dtype = place.activations;
  return load;
}

// It prepares pictures as the run does.
std::shared_ptr<const core::Bundle> model_of(core::RunSettings settings, const core::ComputePlace& place) {
  auto bundle =
      std::make_shared<core::Bundle>(*core::load_bundle(settings.model, beside_the_run(settings.load, place)));
  core::fit_to_model(settings, *bundle);
  return bundle;
}

}  // namespace

SampleAnswers::SampleAnswers(const core::RunSettings& settings, const core::ComputePlace& place,
                             const core::Cancel& cancel)
    : base_(model_of(settings, place)),
      template_name_(settings.template_name == "plain" ? "" : settings.template_name) {  // no template for questions
  const auto& path = settings.answer_data.empty() ? settings.eval_data : settings.answer_data;
  const auto index = core::RecordIndex::open(path, {cancel, {}});
  const auto pictures = core::picture_rules(path, settings.images, settings.allow_outside, *base_);
  for (int64_t i = 0; i < std::min(kQuestions, index->size()); ++i) {
    const auto record = index->record(i);
    Question question;
    question.record = i + 1;
    question.turn.role = core::Role::user;
    for (auto turn = static_cast<size_t>(record.first); turn < record.turns.size(); ++turn) {
      const auto& said = record.turns[turn];
      if (said.role != core::Role::user) {
        question.expected = said.text;
        break;
      }
      const auto places = core::count_places(said.text);
      for (int64_t k = 0; k < places; ++k) {
        auto& part = question.turn.parts.emplace_back();
        part.kind = core::TurnPart::Kind::picture;
        part.picture = std::make_shared<const core::HashedPicture>(
            core::load_picture(record, record.images.at(static_cast<size_t>(k)), pictures, cancel));
      }
      question.text = words_of(said.text);
    }
    if (!question.text.empty()) question.turn.parts.emplace_back().text = question.text;
    if (!question.turn.parts.empty()) questions_.push_back(std::move(question));
  }
}

void SampleAnswers::ask(core::TrainingRun& run, const core::Cancel& cancel) const {
  core::SessionOptions how;
  how.template_name = template_name_;
  const auto model = core::current_model(base_, run.network(), run.done());
  auto options = core::default_chat_options(*model);
  options.sampling = {};
  options.sampling.temperature = 0;
  options.max_tokens = kTokens;
  for (const auto& question : questions_) {
    cancel.poll("a sample answer");
    const auto session = core::Session::create(model, how);
    const auto answer = session->start(question.turn, options)->finish();
    run.note("answer", Json::object({{"step", run.done()},
                                     {"record", question.record},
                                     {"question", question.text},
                                     {"answer", answer.text},
                                     {"expected", question.expected}}));
  }
}

}  // namespace llava::capi
