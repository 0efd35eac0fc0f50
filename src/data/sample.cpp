// Places first, then ids and labels, then the cut. Cutting comes last because a picture is one id and many positions.
#include "data/sample.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/rng.hpp"
#include "data/python_text.hpp"

namespace llava::core {
namespace {

constexpr uint64_t kPlaceStream = 0x706c616365;  // draws of this kind do not meet those of others

/// The turn with its pictures before (or behind) its words, each on a line of its own.
/// Source: LLaVA c121f04, llava/train/train.py, preprocess_multimodal; several pictures of a turn stay several here.
std::string moved(const std::string& text, bool behind, bool collapse) {
  const auto places = collapse ? 1 : count_places(text);
  std::string images;
  for (int64_t i = 0; i < places; ++i) images.append(i > 0 ? "\n" : "").append(kImageText);
  const auto bare = python::replace(text, kImageText, "");
  const std::string words(python::strip(bare));
  if (words.empty()) return images;
  return behind ? words + "\n" + images : images + "\n" + words;
}

bool draws_behind(const Record& record, uint64_t seed) {
  const auto name = record.id.empty() ? cat("#", record.index) : record.id;
  const auto hash = hash_bytes(name);
  uint64_t stream = kPlaceStream;
  for (size_t i = 0; i < 8; ++i) stream = stream * 257 + hash[i];
  return (Rng(seed, stream).next_u32() & 1) != 0;
}

std::vector<RecordTurn> placed(const Record& record, const SampleRules& rules) {
  auto turns = record.turns;
  const auto first = static_cast<size_t>(record.first);
  for (size_t i = 0; i < turns.size(); ++i) {
    if (rules.place == ImagePlace::as_written || count_places(turns[i].text) == 0) continue;
    const bool behind = rules.place == ImagePlace::random && i == first && draws_behind(record, rules.seed);
    turns[i].text = moved(turns[i].text, behind, rules.labels == LabelRule::upstream);
  }
  return turns;
}

/// Text and pictures as they stand in the turn; `bare`: without the line breaks between them.
Message message_of(const RecordTurn& turn, bool bare) {
  Message message{turn.role, {}};
  for (bool first = true; auto words : python::split(turn.text, kImageText)) {
    if (!first) message.parts.push_back(Part::image());
    if (bare && turn.role == Role::user) words = python::strip(words);
    if (!words.empty()) message.parts.push_back(Part::words(std::string(words)));
    first = false;
  }
  return message;
}

void cut(Sample& sample, const SampleRules& rules) {
  const auto rows_of = [&](int64_t id) { return id == kImageToken ? rules.image_rows : int64_t{1}; };
  size_t kept = 0;
  for (const int64_t id : sample.ids) {
    sample.full_rows += rows_of(id);
    if (rules.max_length > 0 && sample.rows >= rules.max_length) continue;
    sample.rows += rows_of(id);
    sample.images += id == kImageToken ? 1 : 0;
    ++kept;
  }
  sample.cut = rules.max_length > 0 && sample.full_rows > rules.max_length;
  if (sample.cut) sample.rows = rules.max_length;
  sample.ids.resize(kept);
  sample.labels.resize(kept);
  for (size_t i = 1; i < kept; ++i) sample.targets += sample.labels[i] != kIgnored ? 1 : 0;
}

/// In the row as the table has it pictures get line breaks of their own; here the turns carry them.
Template literal_row(const Template* row) {
  if (!row) throw Error(Status::argument, "a sample needs a template");
  Template copy = *row;
  if (copy.images == ImageRule::in_place || copy.images == ImageRule::first) copy.images = ImageRule::as_is;
  return copy;
}

}  // namespace

SampleMaker::SampleMaker(std::shared_ptr<const Tokenizer> tokenizer, const SampleRules& rules)
    : tokenizer_(std::move(tokenizer)),
      rules_(rules),
      row_(literal_row(rules.row)),
      upstream_(tokenizer_, rules.legacy) {
  if (rules.max_length < 0 || rules.image_rows < 1)
    throw Error(Status::argument, cat("a longest sample of ", rules.max_length, " and ", rules.image_rows,
                                      " rows a picture, expected 0 or more and 1 or more"));
  if (rules.labels == LabelRule::upstream && !is_upstream_template(*rules.row))
    throw Error(Status::unsupported,
                cat("the rule \"upstream\" knows no template ", rules.row->key, "; \"spans\" does"));
}

LabelledIds SampleMaker::spans(const Record& record, const std::vector<RecordTurn>& turns) const {
  Conversation conversation;
  if (!record.system.empty()) conversation.system = record.system;
  for (size_t i = static_cast<size_t>(record.first); i < turns.size(); ++i)
    conversation.messages.push_back(message_of(turns[i], row_.images != ImageRule::as_is));
  PromptOptions options;
  options.open_assistant_turn = false;
  options.image_marks = rules_.image_marks;
  try {
    const auto prompt = build_prompt(*tokenizer_, row_, conversation, options);
    LabelledIds out{prompt.ids, prompt.ids, false, {}};
    for (size_t i = 0; i < out.labels.size(); ++i)
      if (!prompt.learned[i]) out.labels[i] = kIgnored;
    return out;
  } catch (const Error& error) {
    if (error.status() == Status::out_of_memory) throw;
    throw RecordError(DataProblem::text, error.status(), cat(record.where, ": ", error.message()));
  }
}

LabelledIds SampleMaker::label(const Record& record) const {
  auto turns = placed(record, rules_);
  if (rules_.labels == LabelRule::spans) return spans(record, turns);
  if (!record.system.empty())
    record.refuse(DataProblem::roles, "a system turn, which the rule \"upstream\" does not know");
  // the original looks at roles under none of these two
  if (rules_.row->style != TemplateStyle::single && rules_.row->style != TemplateStyle::plain)
    turns.erase(turns.begin(), turns.begin() + record.first);
  const auto wrap = [&](std::string_view open, std::string_view close) {
    for (RecordTurn& turn : turns) turn.text = python::replace(turn.text, kImageText, cat(open, kImageText, close));
  };
  if (rules_.row->images == ImageRule::own_turn) wrap("<Image>", "</Image>");
  if (const auto marks = rules_.image_marks; marks.begin >= 0 && marks.end >= 0)
    wrap(tokenizer_->piece(static_cast<int32_t>(marks.begin)), tokenizer_->piece(static_cast<int32_t>(marks.end)));
  return upstream_labels(upstream_, *rules_.row, record, turns, {rules_.version, rules_.max_length});
}

Sample SampleMaker::make(const Record& record) const {
  auto made = label(record);
  const auto places = std::count(made.ids.begin(), made.ids.end(), kImageToken);
  if (places != static_cast<int64_t>(record.images.size()))
    record.refuse(DataProblem::placeholders, "template ", rules_.row->key, " keeps ", places, " of its ",
                  record.images.size(), " pictures");
  Sample sample;
  sample.ids = std::move(made.ids);
  sample.labels = std::move(made.labels);
  sample.mismatch = made.mismatch;
  sample.note = std::move(made.note);
  cut(sample, rules_);
  return sample;
}

std::string no_target_reason(const Sample& sample, const SampleRules& rules) {
  if (sample.mismatch) return cat("the rule \"upstream\" drops it (", sample.note, ")");
  if (sample.cut)
    return cat("no answer is left of its ", sample.full_rows, " positions after cutting to ", rules.max_length);
  return "it has no answer to learn from";
}

}  // namespace llava::core
