// A data file looked at before anything is trained on it: every record that cannot be used, with its reason, and the
// figures one wants to know of a set.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/json_value.hpp"
#include "data/pictures.hpp"
#include "data/record_index.hpp"
#include "data/sample.hpp"

namespace llava::core {

/// How closely pictures are looked at.
enum class PictureCheck {
  none,
  header,  // there, a picture, within the limits
  whole    // decoded
};

struct CheckOptions {
  PictureRules pictures;
  PictureCheck depth = PictureCheck::whole;
  int32_t threads = 2;
  Cancel cancel;
  std::function<void(int64_t done, int64_t total)> progress = {};  // records; on the calling thread, may throw to stop
};

struct BadRecord {
  int64_t record = 0;  // from 0
  int64_t begin = 0;   // byte
  std::string id;      // "" where the record itself could not be read; the message names it even then
  DataProblem problem = DataProblem::json;
  std::string message;
};

struct CutRecord {
  int64_t record = 0;  // from 0
  std::string id;
  int64_t length = 0;  // positions, before cutting
};

/// Of lengths in positions (pictures count their rows), before cutting; of usable records.
struct LengthFigures {
  int64_t total = 0, median = 0, p95 = 0, longest = 0;
};

struct DataReport {
  int64_t records = 0, usable = 0;
  int64_t text_only = 0;             // usable ones without a picture
  int64_t pictures = 0;              // of usable records
  std::vector<BadRecord> bad;        // every one, in order
  LengthFigures rows, targets;       // targets: after cutting
  int64_t cut = 0;                   // longer than max_length, and used
  std::vector<CutRecord> cut_first;  // the first few of them
  int64_t mismatches = 0;            // dropped by the rule "upstream"; counted as usable
  std::map<int64_t, int64_t> turns;  // how many records have so many
  int64_t no_id = 0, answer_first = 0, empty_answers = 0, unanswered = 0;
  int64_t duplicate_ids = 0;                  // records whose id an earlier one has
  std::vector<std::string> duplicates;        // the first few such ids
  std::map<std::string, int64_t> marks_said;  // records whose words hold "</s>", "###", "USER:" …: encoded as text
  std::string longest_record;                 // where the longest is

  // Of each record, for orders and plans: positions after cutting (negative without a picture) and learned tokens; both 0
  // where it cannot be used.
  std::vector<int32_t> lengths, learned;
};

/// Reads every record, makes its sample and looks at its pictures. Records are independent of each other, the report is
/// the same for any number of threads. Throws Error(io) when the file changes, Error(cancelled | timeout | out_of_memory).
DataReport check_data(const RecordIndex& index, const SampleMaker& maker, const CheckOptions& options);

/// The report as one object; `index` and `maker` name file, template and rules in it.
Json report_json(const DataReport& report, const RecordIndex& index, const SampleMaker& maker);

}  // namespace llava::core
