// A JSON object to a Record, with every message naming the record it is about.
#include "data/record.hpp"

#include <optional>

#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

std::optional<Role> role_named(std::string_view from) {
  if (from == "human" || from == "user") return Role::user;
  if (from == "gpt" || from == "assistant") return Role::assistant;
  if (from == "system") return Role::system;
  return std::nullopt;
}

const Json& list_of_turns(const Record& record, const Json& json) {
  const Json* turns = json.find("conversations");
  if (!turns) record.refuse(DataProblem::shape, "there is no \"conversations\"");
  if (!turns->is_array())
    record.refuse(DataProblem::shape, "\"conversations\" is ", json_found(*turns), ", expected a list of turns");
  if (turns->size() == 0) record.refuse(DataProblem::shape, "\"conversations\" is empty");
  if (static_cast<int64_t>(turns->size()) > limits::kDataTurns)
    record.refuse(DataProblem::shape, turns->size(), " turns, at most ", limits::kDataTurns);
  return *turns;
}

std::string text_field(const Record& record, const Json& turn, std::string_view key, size_t number) {
  const Json* value = turn.find(key);
  if (!value) record.refuse(DataProblem::shape, "turn ", number, " has no \"", key, "\"");
  if (!value->is_string())
    record.refuse(DataProblem::shape, "\"", key, "\" of turn ", number, " is ", json_found(*value),
                  ", expected a text");
  return value->string();
}

void read_id(Record& record, const Json& json) {
  const Json* id = json.find("id");
  record.odd.no_id = !id || id->is_null();
  if (record.odd.no_id) return;
  if (!id->is_string() && !id->is_number())
    record.refuse(DataProblem::shape, "\"id\" is ", json_found(*id), ", expected a text or a number");
  record.id = id->is_string() ? id->string() : id->dump();
}

void read_images(Record& record, const Json& json) {
  const Json* image = json.find("image");
  if (!image || image->is_null()) return;
  const auto add = [&](const Json& path) {
    if (!path.is_string() || path.string().empty())
      record.refuse(DataProblem::shape, "\"image\" has ", json_found(path), ", expected a path");
    record.images.push_back(path.string());
  };
  if (!image->is_array()) return add(*image);
  for (const Json& path : image->elements()) add(path);
  if (static_cast<int64_t>(record.images.size()) > limits::kImagesPerMessage * 4)
    record.refuse(DataProblem::shape, record.images.size(), " pictures, at most ", limits::kImagesPerMessage * 4);
}

void read_turns(Record& record, const Json& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    const Json& turn = list.at(i);
    if (!turn.is_object())
      record.refuse(DataProblem::shape, "turn ", i + 1, " is ", json_found(turn), ", expected {\"from\", \"value\"}");
    const auto from = text_field(record, turn, "from", i + 1);
    auto text = text_field(record, turn, "value", i + 1);
    const auto role = role_named(from);
    if (!role)
      record.refuse(DataProblem::roles, "turn ", i + 1, " is from \"", printable(from),
                    "\", expected human or gpt (user, assistant, system)");
    if (role != Role::system) {
      record.turns.push_back({*role, std::move(text)});
    } else if (i == 0) {
      record.system = std::move(text);
    } else {
      record.refuse(DataProblem::roles, "turn ", i + 1, " is the system's, which only the first may be");
    }
  }
}

void check_roles(Record& record) {
  if (record.turns.empty()) record.refuse(DataProblem::shape, "a system turn alone, expected a conversation");
  record.odd.answer_first = record.turns[0].role == Role::assistant;
  record.first = record.odd.answer_first ? 1 : 0;
  const size_t skipped = static_cast<size_t>(record.first), offset = record.system.empty() ? 1 : 2;
  if (skipped == record.turns.size()) record.refuse(DataProblem::roles, "an answer alone, with no question before it");
  for (size_t i = skipped; i < record.turns.size(); ++i) {
    const bool human = (i - skipped) % 2 == 0;
    if ((record.turns[i].role == Role::user) != human)
      record.refuse(DataProblem::roles, "turn ", i + offset, " is the ", human ? "assistant" : "human",
                    "'s again; they take turns, the human first");
    if (!human && record.turns[i].text.empty()) record.odd.empty_answer = true;
  }
  record.odd.ends_unanswered = record.turns.back().role == Role::user;
}

void check_places(const Record& record) {
  if (count_places(record.system) > 0) record.refuse(DataProblem::placeholders, "\"<image>\" in the system text");
  const auto images = static_cast<int64_t>(record.images.size());
  int64_t places = 0;
  for (size_t i = 0; i < record.turns.size(); ++i) {
    const auto here = count_places(record.turns[i].text);
    if (here > 0 && record.turns[i].role != Role::user)
      record.refuse(DataProblem::placeholders, "\"<image>\" in an answer, \"",
                    printable(clip_utf8(record.turns[i].text, 40)), "\"");
    places += here;
  }
  if (places != images)
    record.refuse(DataProblem::placeholders, "\"<image>\" stands ", places, " times in it, and it has ", images,
                  " pictures");
}

}  // namespace

const char* problem_name(DataProblem problem) noexcept {
  constexpr const char* kNames[] = {"json",           "shape",        "roles",
                                    "placeholders",   "picture-path", "picture-missing",
                                    "picture-broken", "text",         "no-target"};
  return kNames[static_cast<size_t>(problem)];
}

void Record::throw_error(DataProblem problem, Status status, const std::string& text) const {
  throw RecordError(problem, status, cat(where, ": ", text));
}

int64_t count_places(std::string_view text) {
  int64_t count = 0;
  for (auto at = text.find(kImageText); at != text.npos; at = text.find(kImageText, at + kImageText.size())) ++count;
  return count;
}

Record parse_record(std::string_view json, const RecordPlace& place) {
  Record record;
  record.index = place.index;
  const auto name = cat(place.file, ": record ", place.index + 1, " (byte ", place.begin);
  record.where = name + ")";
  Json tree;
  try {
    tree = parse_json(json, record.where, {limits::kDataRecordBytes, limits::kJsonDepth});
  } catch (const Error& error) {
    throw RecordError(DataProblem::json, error.status(), error.message());
  }
  if (!tree.is_object()) record.refuse(DataProblem::shape, json_found(tree), ", expected an object");
  read_id(record, tree);
  if (!record.odd.no_id) record.where = cat(name, ", id \"", printable(record.id), "\")");
  const Json& turns = list_of_turns(record, tree);
  read_images(record, tree);
  read_turns(record, turns);
  check_roles(record);
  check_places(record);
  return record;
}

}  // namespace llava::core
