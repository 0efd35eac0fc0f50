// One function a family of templates, named after the original's.
#include "data/upstream_labels.hpp"

#include <algorithm>

#include "data/python_text.hpp"
#include "text/prompt.hpp"

namespace llava::core {
namespace {

using Style = TemplateStyle;

/// What every rule needs at hand.
struct Job {
  const UpstreamTokens& tokens;
  const Template& row;
  const Record& record;
  const std::vector<RecordTurn>& turns;
  const UpstreamRules& rules;
  bool images;

  std::vector<int64_t> encode(std::string_view text) const {
    return images ? tokens.encode_with_images(text) : tokens.encode(text);
  }
  int64_t length(std::string_view text) const { return static_cast<int64_t>(encode(text).size()); }
  std::string_view role_name(size_t turn) const { return turn % 2 == 0 ? row.user : row.assistant; }
};

void ignore(std::vector<int64_t>& labels, int64_t begin, int64_t end) {
  const auto size = static_cast<int64_t>(labels.size());
  begin = std::clamp<int64_t>(begin, 0, size);  // as slices of Python are
  end = std::clamp(end, begin, size);
  std::fill(labels.begin() + begin, labels.begin() + end, kIgnored);
}

LabelledIds labelled(std::vector<int64_t> ids) {
  auto labels = ids;
  return {std::move(ids), std::move(labels), false, {}};
}

int64_t count_but(const std::vector<int64_t>& ids, int64_t pad) {
  return static_cast<int64_t>(ids.size()) - std::count(ids.begin(), ids.end(), pad);
}

void truncate(std::vector<int64_t>& ids, int64_t max_length) {
  if (max_length > 0 && static_cast<int64_t>(ids.size()) > max_length) ids.resize(static_cast<size_t>(max_length));
}

/// conv.get_prompt(). An empty text opens a turn and does not end it.
std::string prompt_text(const Job& job) {
  const Template& row = job.row;
  std::string text;
  if (row.style != Style::llama_2) text.append(row.system_open).append(row.system).append(row.sep);
  for (size_t i = 0; i < job.turns.size(); ++i) {
    const std::string& said = job.turns[i].text;
    const auto role = job.role_name(i);
    if (row.style == Style::two) {
      text.append(role).append(":");
      if (!said.empty()) text.append(" ").append(said).append(i % 2 == 0 ? row.sep : row.sep2);
    } else if (row.style == Style::mpt) {
      text.append(role);
      if (!said.empty()) text.append(said).append(row.sep);
    } else if (!said.empty() && i % 2 == 0) {
      text.append(row.sep).append("[INST] ");
      if (i == 0 && !row.system.empty()) text.append("<<SYS>>\n").append(row.system).append("\n<</SYS>>\n\n");
      text.append(said).append(" [/INST]");
    } else if (!said.empty()) {
      text.append(" ").append(said).append(" ").append(row.sep2);
    } else if (i == 0) {
      job.record.refuse(DataProblem::text, "the first turn is empty, which the original refuses under ", row.key);
    }
  }
  if (row.style == Style::llama_2 && !row.sep.empty()) text.erase(0, text.find_first_not_of(row.sep));
  return text;
}

LabelledIds plain(const Job& job) {
  if (job.turns.size() != 2 || count_places(job.turns[0].text) == 0)
    job.record.refuse(DataProblem::text, job.turns.size(),
                      " turns, expected a picture and its caption: the original's template plain takes nothing else");
  const std::string place(kImageText);
  auto out = labelled(job.tokens.encode_with_images(cat(place, job.turns[1].text, job.row.sep)));
  ignore(out.labels, 0, static_cast<int64_t>(job.tokens.encode_with_images(place).size()));
  return out;
}

/// What differs between the rules that cut a prompt into rounds.
struct RoundRule {
  std::string answer;          // what stands before an answer
  int64_t first = 1;           // BOS, not learned
  int64_t round_extra = 0;     // on top of a round's own tokens
  int64_t question_extra = 0;  // on top of a question's
  int64_t later_extra = 0;     // on top of both, from the second round on
};

void finish(const Job& job, LabelledIds& out, int64_t used, int64_t total) {
  ignore(out.labels, used, static_cast<int64_t>(out.labels.size()));
  if ((job.rules.max_length > 0 && used >= job.rules.max_length) || used == total) return;
  ignore(out.labels, 0, static_cast<int64_t>(out.labels.size()));
  out.mismatch = true;
  out.note = cat("tokenization mismatch: ", used, " vs. ", total);
}

LabelledIds by_rounds(const Job& job, const std::string& text, const std::vector<std::string>& rounds,
                      const RoundRule& rule) {
  auto ids = job.encode(text);
  if (!job.images) truncate(ids, job.rules.max_length);
  auto out = labelled(std::move(ids));
  // the original gives every template but v0 the unknown token for padding, so "<unk>" in a text is not counted
  const auto total = count_but(out.ids, job.tokens.tokenizer().unk());
  int64_t used = rule.first;
  ignore(out.labels, 0, used);
  for (size_t i = 0; i < rounds.size() && !rounds[i].empty(); ++i) {
    const auto parts = python::split(rounds[i], rule.answer);
    if (parts.size() != 2) break;
    const int64_t later = i > 0 ? rule.later_extra : 0;
    const auto question = job.length(std::string(parts[0]) + rule.answer) + rule.question_extra + later;
    ignore(out.labels, used, used + question);
    used += job.length(rounds[i]) + rule.round_extra + later;
  }
  finish(job, out, used, total);
  return out;
}

std::vector<std::string> rounds_of(const std::string& text, std::string_view separator) {
  const auto parts = python::split(text, separator);
  return {parts.begin(), parts.end()};
}

LabelledIds v1(const Job& job) {
  const auto text = prompt_text(job);
  RoundRule rule{cat(job.row.sep, job.row.assistant, ": "), 1, 0, -2, 0};
  const bool corrected = job.rules.version == UpstreamVersion::head && !job.tokens.legacy();
  if (corrected) rule.later_extra = -1;
  return by_rounds(job, text, rounds_of(text, job.row.sep2), rule);
}

LabelledIds llama_2(const Job& job) {
  const auto text = prompt_text(job);
  return by_rounds(job, text, rounds_of(text, job.row.sep2), {"[/INST] ", 1, 0, -2, 0});
}

/// Rounds of MPT: system, question and answer, then a question and an answer each.
LabelledIds mpt(const Job& job) {
  const auto text = prompt_text(job);
  const std::string separator(job.row.sep);
  const auto parts = rounds_of(text, separator);
  std::vector<std::string> rounds;
  for (size_t begin = 0, count = 3; begin < parts.size(); begin += count, count = 2) {
    rounds.emplace_back();
    for (size_t i = begin; i < std::min(begin + count, parts.size()); ++i)
      rounds.back() += (i > begin ? separator : "") + parts[i];
  }
  const bool corrected = job.tokens.legacy() && job.tokens.tokenizer().kind() == "sentencepiece";
  RoundRule rule{separator + std::string(job.row.assistant), 0, 0, -1, corrected ? 1 : 0};
  if (job.rules.version == UpstreamVersion::v1_1)
    rule = {rule.answer, 0, static_cast<int64_t>(job.tokens.encode_with_images(separator).size()), 0, 0};
  const Job with_images{job.tokens, job.row, job.record, job.turns, job.rules, true};  // text-only records too
  return by_rounds(with_images, text, rounds, rule);
}

LabelledIds v0(const Job& job) {
  std::string text = cat(job.row.system, "\n\n");
  std::vector<std::string> pieces = {text};
  for (const RecordTurn& turn : job.turns) {
    const auto role = turn.role == Role::user ? job.row.user : job.row.assistant;
    pieces.push_back(cat("### ", role, ": ", turn.text, "\n"));
    text += pieces.back();
  }
  text += "### ";
  auto ids = job.encode(text);
  if (!job.images) truncate(ids, job.rules.max_length);
  auto out = labelled(std::move(ids));
  int64_t at = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    auto piece = job.encode(pieces[i]);
    if (!job.images) truncate(piece, job.rules.max_length);
    const auto pad = job.tokens.tokenizer().pad();
    const auto length = job.images || pad < 0 ? static_cast<int64_t>(piece.size()) : count_but(piece, pad);
    if (i == 0) ignore(out.labels, 0, length);
    if (i > 0 && job.turns[i - 1].role == Role::user) ignore(out.labels, at + 2, at + length);
    at += length;
  }
  return out;
}

}  // namespace

bool is_upstream_template(const Template& row) noexcept {
  return row.style != Style::none && row.key != "hf_llava_1_5";
}

LabelledIds upstream_labels(const UpstreamTokens& tokens, const Template& row, const Record& record,
                            const std::vector<RecordTurn>& turns, const UpstreamRules& rules) {
  if (!is_upstream_template(row))
    throw Error(Status::unsupported, cat("the rule \"upstream\" knows no template ", row.key, "; \"spans\" does"));
  const Job job{tokens, row, record, turns, rules, !record.images.empty()};
  switch (row.style) {
    case Style::plain:
      return plain(job);
    case Style::llama_2:
      return llama_2(job);
    case Style::two:
      return v1(job);
    case Style::mpt:
      return mpt(job);
    default:
      return v0(job);
  }
}

}  // namespace llava::core
