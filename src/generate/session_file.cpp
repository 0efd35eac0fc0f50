// A session on disk: one safetensors file whose metadata holds the turns as JSON and whose tensors are the image rows.
// The key-value cache is not saved: it is computed again, exactly, by the next answer.
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "generate/session_data.hpp"
#include "model/splice.hpp"
#include "weights/safetensors.hpp"
#include "weights/safetensors_header.hpp"

namespace llava::core {
namespace {

constexpr const char* kFormat = "llava-session";
constexpr int64_t kVersion = 1;

const char* role_name(Role role) {
  switch (role) {
    case Role::system:
      return "system";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
  }
  return "?";
}

Role role_named(const std::string& name, const std::string& where) {
  for (const auto role : {Role::system, Role::user, Role::assistant})
    if (name == role_name(role)) return role;
  throw Error(Status::format, cat(where, ": role is \"", name, "\", expected system, user or assistant"));
}

// The embeddings of a file in order of first use; parts name them by index.
class Images {
 public:
  size_t index(const std::shared_ptr<const ImageEmbedding>& image) {
    for (size_t i = 0; i < list_.size(); ++i)
      if (list_[i] == image) return i;
    list_.push_back(image);
    return list_.size() - 1;
  }
  const std::vector<std::shared_ptr<const ImageEmbedding>>& list() const { return list_; }

 private:
  std::vector<std::shared_ptr<const ImageEmbedding>> list_;
};

// For people: pictures are named by their hashes, whether they are encoded or wait for it.
Json part_for_people(const TurnPart& part) {
  Json hashes = Json::array();
  switch (part.kind) {
    case TurnPart::Kind::text:
      return Json::object({{"type", "text"}, {"text", part.text}});
    case TurnPart::Kind::picture:
      return Json::object({{"type", "image"}, {"hash", part.picture->hash()}});
    case TurnPart::Kind::embedding:
      return Json::object({{"type", "image"}, {"hash", part.embedding->picture}});
    case TurnPart::Kind::ids:
      for (const auto& image : part.embeddings) hashes.push_back(image->picture);
      return Json::object({{"type", "ids"}, {"ids", part.ids}, {"images", hashes}});
  }
  throw Error(Status::internal, "a part of a turn is of no known kind");
}

// For a file: pictures are named by the tensors that hold their rows.
Json part_for_file(const TurnPart& part, Images& images) {
  Json places = Json::array();
  switch (part.kind) {
    case TurnPart::Kind::text:
      return Json::object({{"type", "text"}, {"text", part.text}});
    case TurnPart::Kind::embedding:
      return Json::object(
          {{"type", "image"}, {"image", images.index(part.embedding)}, {"hash", part.embedding->picture}});
    case TurnPart::Kind::ids:
      for (const auto& image : part.embeddings) places.push_back(images.index(image));
      return Json::object({{"type", "ids"}, {"ids", part.ids}, {"images", places}});
    case TurnPart::Kind::picture:
      break;
  }
  throw Error(Status::internal, "a picture reached the file before it was encoded");
}

template <typename PartJson>
Json turns_json(const std::vector<Turn>& turns, PartJson&& part_json) {
  Json list = Json::array();
  for (const auto& turn : turns) {
    Json content = Json::array();
    for (const auto& part : turn.parts) content.push_back(part_json(part));
    list.push_back(Json::object({{"role", role_name(turn.role)}, {"content", content}}));
  }
  return list;
}

using Rows = std::vector<std::shared_ptr<const ImageEmbedding>>;

TurnPart part_from(const Json& json, const std::string& where, const Rows& rows) {
  TurnPart part;
  const auto last = static_cast<int64_t>(rows.size()) - 1;
  const auto type = read_string(json, "type", where);
  if (type == "text") {
    part.text = read_string(json, "text", where);
  } else if (type == "image") {
    part.kind = TurnPart::Kind::embedding;
    part.embedding = rows[static_cast<size_t>(read_int(json, "image", where, 0, last))];
  } else if (type == "ids") {
    part.kind = TurnPart::Kind::ids;
    part.ids = read_int_list(json, "ids", where, kImagePlace, limits::kVocabulary);
    for (const auto index : read_int_list(json, "images", where, 0, last))
      part.embeddings.push_back(rows[static_cast<size_t>(index)]);
  } else {
    throw Error(Status::format, cat(where, ": type is \"", type, "\", expected text, image or ids"));
  }
  return part;
}

std::vector<Turn> turns_from(const Json& list, const std::string& where, const Rows& rows) {
  if (!list.is_array()) throw Error(Status::format, cat(where, ": turns is no array"));
  std::vector<Turn> turns;
  for (const auto& item : list.elements()) {
    const auto place = cat(where, ": turn ", turns.size());
    Turn turn;
    turn.role = role_named(read_string(item, "role", place), place);
    if (!item.contains("content") || !item.at("content").is_array())
      throw Error(Status::format, cat(place, ": content is no array"));
    for (const auto& part : item.at("content").elements()) turn.parts.push_back(part_from(part, place, rows));
    turns.push_back(std::move(turn));
  }
  return turns;
}

// `makers`: what made the rows of each picture, where that was not the model itself but one with an adapter.
Rows read_rows(const TensorMap& tensors, const Json& hashes, const Json& makers, const Bundle& bundle,
               const std::string& where) {
  Rows rows;
  if (makers.size() > 0 && makers.size() != hashes.size())
    throw Error(Status::format, cat(where, ": image_makers has ", makers.size(), " entries, images ", hashes.size()));
  for (const auto& hash : hashes.elements()) {
    const auto name = cat("image.", rows.size());
    const auto* view = tensors.find(name);
    const int64_t width = bundle.config.language.width;
    if (!view) throw Error(Status::not_found, cat(where, ": ", name, " is missing"));
    if (view->dtype != DType::f32 || view->shape.size() != 2 || view->shape[1] != width)
      throw Error(Status::format, cat(where, ": ", name, " is ", shape_text(view->shape), ' ', dtype_name(view->dtype),
                                      ", expected [tokens, ", width, "] f32"));
    auto rows_PD = at::empty(view->shape, at::kFloat);
    std::memcpy(rows_PD.mutable_data_ptr(), view->data, view->size_bytes);
    if (!rows_PD.isfinite().all().item<bool>())
      throw Error(Status::format, cat(where, ": ", name, " holds NaN or infinity, expected finite numbers"));
    const auto& model = *bundle.model;
    rows.push_back(std::make_shared<const ImageEmbedding>(
        ImageEmbedding{rows_PD.to(model.device(), model.dtype()), hash.string(),
                       makers.size() > 0 ? makers.at(rows.size()).string() : bundle.fingerprint}));
  }
  return rows;
}

Json strings_of(const Json& json, const char* key, const std::string& where) {
  const auto* list = json.find(key);
  if (!list || !list->is_array()) return Json::array();
  for (const auto& item : list->elements())
    if (!item.is_string()) throw Error(Status::format, cat(where, ": ", key, " holds something that is no string"));
  return *list;
}

}  // namespace

std::string Session::history_json() const {
  const SessionLock lock(*data_);
  return turns_json(data_->turns, part_for_people).dump();
}

void Session::save(const std::string& path) const {
  const SessionLock lock(*data_);
  data_->encode_all(data_->turns, {});
  Images images;
  Json json =
      Json::object({{"turns", turns_json(data_->turns, [&](const TurnPart& p) { return part_for_file(p, images); })},
                    {"template", data_->format->key},
                    {"max_context", data_->context}});
  if (data_->options.system) json.add("system", *data_->options.system);
  Json pictures = Json::array(), makers = Json::array();
  std::vector<at::Tensor> rows;
  std::vector<TensorView> views;
  for (const auto& image : images.list()) {
    pictures.push_back(image->picture);
    makers.push_back(image->fingerprint);
    rows.push_back(image->rows_PD.to(at::kCPU, at::kFloat).contiguous());
    TensorView view;
    view.name = cat("image.", views.size());
    view.dtype = DType::f32;
    view.shape = rows.back().sizes().vec();
    view.data = static_cast<const std::byte*>(rows.back().const_data_ptr());
    view.size_bytes = rows.back().nbytes();
    views.push_back(std::move(view));
  }
  json.add("images", std::move(pictures));
  json.add("image_makers", std::move(makers));
  write_safetensors(path, views,
                    {{"format", kFormat},
                     {"version", std::to_string(kVersion)},
                     {"model", data_->bundle->fingerprint},
                     {"session", json.dump()}});
}

std::shared_ptr<Session> Session::load(std::shared_ptr<const Bundle> bundle, const std::string& path,
                                       std::function<std::shared_ptr<const Bundle>()> current) {
  OpenOptions open;
  open.map = false;
  const auto metadata = read_safetensors_header(path).metadata;
  const auto entry = [&](std::string_view key) {
    for (const auto& [name, value] : metadata)
      if (name == key) return value;
    throw Error(Status::format, cat(path, ": no saved session (", key, " is missing)"));
  };
  if (entry("format") != kFormat) throw Error(Status::format, cat(path, ": no saved session"));
  if (entry("version") != std::to_string(kVersion))
    throw Error(Status::unsupported,
                cat(path, ": session format ", entry("version"), ", this library reads ", kVersion));
  if (entry("model") != bundle->fingerprint)
    throw Error(Status::unsupported,
                cat(path, ": saved with model ", entry("model"), ", this one is ", bundle->fingerprint));
  const auto tensors = open_safetensors(path, open);
  const auto json = parse_json(entry("session"), path, {limits::kSafetensorsHeaderBytes, limits::kJsonDepth});
  const auto hashes = strings_of(json, "images", path), makers = strings_of(json, "image_makers", path);

  SessionOptions options;
  options.template_name = read_string(json, "template", path);
  options.max_context = std::min(read_int(json, "max_context", path, 1, limits::kContext), bundle->context);
  if (json.contains("system")) options.system = read_string(json, "system", path);
  options.current = std::move(current);
  auto session = create(bundle, options);
  session->data_->turns = turns_from(json.contains("turns") ? json.at("turns") : Json(), path,
                                     read_rows(tensors, hashes, makers, *bundle, path));
  for (const auto& turn : session->data_->turns) session->data_->check_turn(turn);
  session->data_->update_counters();
  return session;
}

}  // namespace llava::core
