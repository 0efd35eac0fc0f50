// One record of a data file: who says what about which pictures, as LLaVA's JSON has it. What a model is shown of it is
// data/sample's to decide.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "text/conversation.hpp"

namespace llava::core {

inline constexpr std::string_view kImageText = "<image>";  // LLaVA's DEFAULT_IMAGE_TOKEN, in the text of a record

/// What is wrong with a record that cannot be used.
enum class DataProblem {
  json,             // read strictly it is no JSON: a key twice, a number out of range
  shape,            // conversations are missing, empty, of another type
  roles,            // unknown, or not in turn
  placeholders,     // "<image>" and pictures do not agree, or it stands in an answer
  picture_path,     // absolute, or leaves the root
  picture_missing,  // no such file
  picture_broken,   // not to be decoded
  text,             // too long to be tokenised, or not as the template wants it
  no_target         // nothing to learn, or nothing left after cutting
};
const char* problem_name(DataProblem problem) noexcept;  // "picture-missing"

/// Why a record cannot be used; the message names file, record, byte and id.
class RecordError : public Error {
 public:
  RecordError(DataProblem problem, Status status, std::string message)
      : Error(status, std::move(message)), problem_(problem) {}
  DataProblem problem() const noexcept { return problem_; }

 private:
  DataProblem problem_;
};

/// What is odd about a record that is used all the same; published sets have all of these.
struct RecordOddities {
  bool no_id = false;
  bool answer_first = false;  // it opens with an answer, which is dropped, as the original does
  bool empty_answer = false;  // "" where the assistant speaks
  bool ends_unanswered = false;
};

struct RecordTurn {
  Role role = Role::user;
  std::string text;  // with kImageText where pictures stand
};

struct RecordPlace {
  std::string_view file;
  int64_t index = 0;  // from 0; messages count from 1
  int64_t begin = 0;  // byte
};

struct Record {
  int64_t index = 0;
  std::string where;                // "train.json: record 12 (byte 3456, id "000000033471")", for messages
  std::string id;                   // a number as its digits; "" when there is none
  std::vector<std::string> images;  // as written: relative paths
  std::string system;               // of a system turn; "" none
  std::vector<RecordTurn> turns;    // as written, without the system turn
  int64_t first = 0;                // turns before it are dropped: 1 when an answer opens the record, else 0
  RecordOddities odd;

  /// Throws RecordError with `where` in front.
  template <typename... Pieces>
  [[noreturn]] void refuse(DataProblem problem, const Pieces&... pieces) const {
    throw_error(problem, Status::format, cat(pieces...));
  }
  [[noreturn]] void throw_error(DataProblem problem, Status status, const std::string& text) const;
};

/// Reads {"id": text or number, "image": path or list of paths, "conversations": [{"from", "value"}, …]}; other keys are
/// ignored. "from" is human or user, gpt or assistant; a system turn may open the conversation. After a dropped first
/// answer the two must take turns, human first. There must be as many "<image>" in the human's words as pictures, and
/// none elsewhere.
///
/// Throws RecordError: json, shape, roles, placeholders.
/// Source: LLaVA c121f04, llava/train/train.py, LazySupervisedDataset and preprocess_v1.
Record parse_record(std::string_view json, const RecordPlace& place);

/// How often "<image>" stands in a text.
int64_t count_places(std::string_view text);

}  // namespace llava::core
