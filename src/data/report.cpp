// A data report as JSON.
#include "base/utf8.hpp"
#include "data/check.hpp"

namespace llava::core {
namespace {

Json figures_json(const LengthFigures& figures) {
  return Json::object(
      {{"total", figures.total}, {"median", figures.median}, {"p95", figures.p95}, {"longest", figures.longest}});
}

Json bad_json(const DataReport& report) {
  Json list = Json::array();
  for (const BadRecord& bad : report.bad)
    list.push_back(Json::object({{"record", bad.record + 1},
                                 {"byte", bad.begin},
                                 {"id", bad.id},
                                 {"problem", problem_name(bad.problem)},
                                 {"message", repaired_utf8(bad.message)}}));
  return list;
}

Json kinds_json(const DataReport& report) {
  Json kinds = Json::object();
  for (const BadRecord& bad : report.bad) {
    const Json* before = kinds.find(problem_name(bad.problem));
    kinds.set(problem_name(bad.problem), (before ? before->integer() : 0) + 1);
  }
  return kinds;
}

Json cuts_json(const DataReport& report) {
  Json list = Json::array();
  for (const auto& cut : report.cut_first)
    list.push_back(Json::object({{"record", cut.record + 1}, {"id", cut.id}, {"length", cut.length}}));
  return list;
}

template <typename Counts>
Json counts_json(const Counts& counts) {
  Json out = Json::object();
  for (const auto& [what, count] : counts) out.add(cat(what), count);
  return out;
}

}  // namespace

Json report_json(const DataReport& report, const RecordIndex& index, const SampleMaker& maker) {
  const SampleRules& rules = maker.rules();
  constexpr const char* kPlaces[] = {"first", "as-written", "random"};
  return Json::object({
      {"file", index.path()},
      {"format", index.is_list() ? "list" : "jsonl"},
      {"bytes", index.bytes()},
      {"hash", to_hex(index.hash())},
      {"byte_order_mark", index.has_mark()},
      {"template", rules.row->key},
      {"labels", rules.labels == LabelRule::spans ? "spans" : "upstream"},
      {"image_place", kPlaces[static_cast<size_t>(rules.place)]},
      {"image_rows", rules.image_rows},
      {"max_length", rules.max_length},
      {"records", report.records},
      {"usable", report.usable},
      {"unusable", static_cast<int64_t>(report.bad.size())},
      {"problems", kinds_json(report)},
      {"pictures", report.pictures},
      {"text_only", report.text_only},
      {"tokens", figures_json(report.rows)},
      {"learned_tokens", figures_json(report.targets)},
      {"longest_record", report.longest_record},
      {"cut", report.cut},
      {"cut_first", cuts_json(report)},
      {"upstream_mismatches", report.mismatches},
      {"turns", counts_json(report.turns)},
      {"without_id", report.no_id},
      {"duplicate_ids", report.duplicate_ids},
      {"duplicates", Json(report.duplicates)},
      {"answer_first", report.answer_first},
      {"empty_answers", report.empty_answers},
      {"unanswered", report.unanswered},
      {"marks_said", counts_json(report.marks_said)},
      {"bad", bad_json(report)},
  });
}

}  // namespace llava::core
