#include "train/origin.hpp"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/headeronly/version.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr int64_t kMostParts = 256;
constexpr size_t kSampleBytes = 4096;
constexpr const char* kModelParts[] = {"config", "vision", "projector", "language"};

std::string short_hash(const Hash128& hash) { return to_hex(hash.data(), 8); }

int64_t records_a_part(int64_t records) { return std::max<int64_t>(1, (records + kMostParts - 1) / kMostParts); }

const char* part_of(std::string_view name) {
  return name.starts_with("vision.")                                 ? "vision"
         : name.starts_with("projector.") || name == "image_newline" ? "projector"
                                                                     : "language";
}

std::string part_hash(const LoadPlan& plan, std::string_view part) {
  Hasher hasher;
  for (const auto& [name, view] : plan.tensors.found) {
    if (part != part_of(name)) continue;
    hasher.add_field(name).add_field(dtype_name(view.dtype)).add_field(shape_text(view.shape));
    const auto sample = std::min(kSampleBytes, view.size_bytes);
    hasher.add(view.data, sample).add(view.data + view.size_bytes - sample, sample);
  }
  return short_hash(hasher.digest());
}

const Json* member(const Json& origin, const std::string& key) {
  const auto* found = origin.is_object() ? origin.find(key) : nullptr;
  return found && found->is_object() ? found : nullptr;
}

std::string value_text(const Json& value) { return value.is_string() ? printable(value.string()) : value.dump(); }

std::string text_of(const Json& object, const char* key) {
  const auto* value = object.find(key);
  return value ? value_text(*value) : "?";
}

std::string described(const Json& data) {
  return cat(text_of(data, "path"), " (", text_of(data, "records"), " records, ", text_of(data, "bytes"), " bytes)");
}

// "record 5" or "records 9 to 12": the first stretch that is not the same; "" where they cannot be compared.
std::string first_other(const Json& before, const Json& now) {
  const auto *old_parts = before.find("parts"), *new_parts = now.find("parts"), *count = now.find("records");
  if (!old_parts || !new_parts || !old_parts->is_array() || !new_parts->is_array() || !count ||
      text_of(before, "records") != text_of(now, "records") || old_parts->size() != new_parts->size())
    return "";
  const auto records = count->integer(), each = records_a_part(records);
  for (size_t i = 0; i < new_parts->size(); ++i) {
    if (old_parts->at(i).dump() == new_parts->at(i).dump()) continue;
    const auto first = static_cast<int64_t>(i) * each + 1, last = std::min(first + each - 1, records);
    return first == last ? cat("record ", first) : cat("records ", first, " to ", last);
  }
  return "what stands between the records";
}

std::string other_parts(const Json& before, const Json& now) {
  std::string parts;
  for (const char* part : kModelParts)
    if (before.contains(part) && text_of(before, part) != text_of(now, part))
      parts += cat(parts.empty() ? "" : ", ", part == std::string_view("config") ? "config.json" : part);
  return parts;
}

}  // namespace

Json origin_of(const RecordIndex& data, const LoadPlan& plan) {
  auto parts = Json::array();
  const auto each = records_a_part(data.size());
  for (int64_t first = 0; first < data.size(); first += each)
    parts.push_back(short_hash(data.hash_of(first, std::min(first + each, data.size()))));
  auto model = Json::object({{"path", plan.checkpoint.path}, {"config", short_hash(hash_bytes(plan.config_text))}});
  for (const char* part : {"vision", "projector", "language"}) model.add(part, part_hash(plan, part));
  return Json::object(
      {{"data",
        Json::object(
            {{"path", data.path()}, {"bytes", data.bytes()}, {"records", data.size()}, {"parts", std::move(parts)}})},
       {"model", std::move(model)}});
}

std::string origin_difference(const std::string& key, const Json& before, const Json& now) {
  const auto *was = member(before, key), *is = member(now, key);
  if (!was || !is) return "";
  if (key == "data") {
    const auto other = first_other(*was, *is);
    return cat(described(*is), " now and was ", described(*was), other.empty() ? "" : ", other in ", other);
  }
  const auto parts = other_parts(*was, *is);
  return cat(text_of(*is, "path"), " now and was ", text_of(*was, "path"), parts.empty() ? "" : ", other in ", parts);
}

Json machine_of() {
  return Json::object(
      {{"libtorch", TORCH_VERSION}, {"cpu", at::get_cpu_capability()}, {"threads", at::get_num_threads()}});
}

std::string machine_difference(const Json& before, const Json& now, bool threads_matter) {
  if (!before.is_object() || !now.is_object()) return "";
  std::string text;
  for (const auto& [key, value] : now.items())
    if (before.contains(key) && text_of(before, key.c_str()) != value_text(value) &&
        (key != "threads" || threads_matter))
      text +=
          cat(text.empty() ? "" : "; ", key, " is ", value_text(value), " now and was ", text_of(before, key.c_str()));
  return text;
}

std::string hidden_difference(const Json& before, const Json& now) {
  const auto *was = member(before, "model"), *is = member(now, "model");
  return was && is ? other_parts(*was, *is) : "";
}

}  // namespace llava::core
