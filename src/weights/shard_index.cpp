// The index as JSON events: it may list a million tensors, so no tree is built.
#include "weights/shard_index.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

[[noreturn]] void refuse(std::string message, Status status = Status::format) {
  throw Error(status, std::move(message));
}

void check_shard_name(std::string_view name) {
  const auto shown = cat("the shard name \"", printable(name), "\"");
  if (name.empty()) refuse("a shard name is empty");
  if (name.find('\0') != name.npos) refuse(cat(shown, " holds a NUL"));
  if (name.find_first_of("/\\") != name.npos) refuse(cat(shown, " holds a slash; shards lie beside their index"));
  if (name == "." || name.find("..") != name.npos) refuse(cat(shown, " is no plain file name"));
  if (name.size() > 255) refuse(cat("a shard name of ", name.size(), " bytes, at most 255"), Status::limit);
}

class IndexEvents : public JsonEvents {
 public:
  void begin_object() override {
    if (in_map() && depth() == 2) not_a_file("an object");
    has_map = has_map || (in_map() && depth() == 1);
    seen_.emplace_back();
  }
  void end_object() override { seen_.pop_back(); }
  void begin_array() override {
    if (depth() == 0) refuse("the index is a list, expected an object");
    if (in_map() && depth() == 1) refuse("weight_map is a list, expected an object");
    if (in_map()) not_a_file("a list");
    seen_.emplace_back();
  }
  void end_array() override { seen_.pop_back(); }

  void key(std::string& name) override {
    const bool of_a_tensor = in_map() && depth() == 2;  // these are compared when all are there
    if (!of_a_tensor && !seen_.back().insert(name).second)
      refuse(cat("the key \"", printable(name), "\" stands twice in one object"));
    (depth() == 1 ? section_ : key_) = std::move(name);
  }

  void value(Json&& scalar) override {
    if (depth() == 0) refuse(cat("the index is ", json_found(scalar), ", expected an object"));
    if (in_map()) return add_tensor(scalar);
    if (section_ == "metadata" && depth() == 2 && key_ == "total_size" && !scalar.is_null()) set_total(scalar);
  }

  ShardIndex result;
  bool has_map = false;

 private:
  size_t depth() const { return seen_.size(); }
  bool in_map() const { return section_ == "weight_map"; }

  [[noreturn]] void not_a_file(const std::string& found) const {
    refuse(cat("weight_map: ", printable(key_), " is ", found, ", expected a file name"));
  }

  void add_tensor(const Json& scalar) {
    if (depth() == 1) refuse(cat("weight_map is ", json_found(scalar), ", expected an object"));
    if (!scalar.is_string()) not_a_file(json_found(scalar));
    if (static_cast<int64_t>(result.tensors.size()) >= limits::kTensors)
      refuse(cat("more than ", limits::kTensors, " tensors"), Status::limit);
    const auto& name = scalar.string();
    const auto [shard, fresh] = numbers_.emplace(name, result.shards.size());
    if (fresh) {
      check_shard_name(name);
      if (static_cast<int64_t>(result.shards.size()) >= limits::kShards)
        refuse(cat("more than ", limits::kShards, " shards"), Status::limit);
      result.shards.push_back(name);
    }
    result.tensors.emplace_back(std::move(key_), shard->second);
  }

  void set_total(const Json& scalar) {
    const bool whole = scalar.is_number_unsigned() && scalar.unsigned_integer() <= uint64_t{1} << 62;
    const bool fraction = scalar.is_number_float() && scalar.number() >= 0 && scalar.number() <= 0x1p62;
    // some published indexes were written from a float
    if (!whole && !fraction)
      refuse(cat("metadata: total_size is ", json_found(scalar), ", expected a number of bytes"));
    result.total_bytes = whole ? scalar.integer() : static_cast<int64_t>(scalar.number());
  }

  std::vector<std::set<std::string>> seen_;  // keys of each open object; an empty set for a list
  std::string section_, key_;
  std::map<std::string, size_t> numbers_;
};

}  // namespace

ShardIndex parse_shard_index(std::string_view text, std::string_view where) {
  IndexEvents events;
  scan_json(text, where, {limits::kIndexJsonBytes, limits::kJsonDepth}, events);
  if (!events.has_map) refuse(cat(where, ": weight_map is missing"));
  auto index = std::move(events.result);
  if (index.tensors.empty()) refuse(cat(where, ": weight_map lists no tensor"));
  std::sort(index.tensors.begin(), index.tensors.end());
  const auto twin = std::adjacent_find(index.tensors.begin(), index.tensors.end(),
                                       [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twin != index.tensors.end()) refuse(cat(where, ": tensor \"", printable(twin->first), "\" is listed twice"));
  return index;
}

}  // namespace llava::core
