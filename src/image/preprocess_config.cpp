// preprocessor_config.json into PreprocessConfig. Every value is checked for type and range where it enters.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "image/preprocess.hpp"

namespace llava::core {
namespace {

using Json = nlohmann::json;

/// One object of the file with the name it has in messages.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  /// The value of a key; nullptr where it is absent or null: the default stays.
  const Json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void refuse(const char* key, const Json& found, std::string_view expected) const {
    throw Error(Status::format, cat(where_, ": ", key, " is ", text_of(found), ", expected ", expected));
  }

  void read(const char* key, bool& target) const {
    const auto* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) refuse(key, *value, "true or false");
    target = value->get<bool>();
  }

  int32_t integer(const char* key, const Json& value, int64_t least, int64_t most) const {
    if (!value.is_number_integer() || value < least || value > most)
      refuse(key, value, cat("a whole number from ", least, " to ", most));
    return value.get<int32_t>();
  }

  double number(const char* key, const Json& value, double least, double most) const {
    const bool fits = value.is_number() && value.get<double>() >= least && value.get<double>() <= most;
    if (!fits) refuse(key, value, cat("a number from ", least, " to ", most));
    return value.get<double>();
  }

  const std::string& where() const { return where_; }

 private:
  static std::string text_of(const Json& value) {
    auto text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    constexpr size_t kLongest = 60;
    if (text.size() > kLongest) text = text.substr(0, kLongest) + "…";
    return text;
  }

  const Json& object_;
  std::string where_;
};

Json parse(std::string_view text, std::string_view where) {
  if (std::cmp_greater(text.size(), limits::kConfigJsonBytes)) {
    throw Error(Status::limit, cat(where, ": ", text.size(), " bytes, at most ", limits::kConfigJsonBytes, " allowed"));
  }
  auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) throw Error(Status::format, cat(where, ": is not valid JSON"));
  if (!json.is_object()) throw Error(Status::format, cat(where, ": is ", json.type_name(), ", expected an object"));
  return json;
}

constexpr int64_t kMostSide = limits::kVisionImageSize;

void read_kind(const Fields& fields) {
  constexpr std::string_view kKnown[] = {"CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPFeatureExtractor",
                                         "LlavaImageProcessor", "LlavaImageProcessorFast"};
  for (const auto* key : {"image_processor_type", "feature_extractor_type"}) {
    const auto* value = fields.find(key);
    if (value == nullptr) continue;
    if (!value->is_string()) fields.refuse(key, *value, "a string");
    const auto kind = value->get<std::string>();
    if (std::find(std::begin(kKnown), std::end(kKnown), kind) != std::end(kKnown)) return;
    throw Error(Status::unsupported, cat(fields.where(), ": ", key, " is ", kind.substr(0, 60),
                                         ", expected CLIPImageProcessor or LlavaImageProcessor"));
  }
}

/// "size": a number, {"shortest_edge"} or {"height", "width"}.
void read_size(const Fields& fields, PreprocessConfig& config) {
  const auto* value = fields.find("size");
  if (value == nullptr) return;
  if (value->is_number()) {
    config.shortest_edge = fields.integer("size", *value, 1, kMostSide);
    return;
  }
  if (!value->is_object()) fields.refuse("size", *value, "a number or an object");
  const Fields inner(*value, cat(fields.where(), ": size"));
  const auto *edge = inner.find("shortest_edge"), *height = inner.find("height"), *width = inner.find("width");
  if (edge != nullptr && height == nullptr && width == nullptr && inner.find("longest_edge") == nullptr) {
    config.shortest_edge = inner.integer("shortest_edge", *edge, 1, kMostSide);
  } else if (edge == nullptr && height != nullptr && width != nullptr) {
    config.shortest_edge = 0;
    config.height = inner.integer("height", *height, 1, kMostSide);
    config.width = inner.integer("width", *width, 1, kMostSide);
  } else {
    fields.refuse("size", *value, "shortest_edge, or height and width");
  }
}

/// "crop_size": a number or {"height", "width"}.
void read_crop_size(const Fields& fields, PreprocessConfig& config) {
  const auto* value = fields.find("crop_size");
  if (value == nullptr) return;
  if (value->is_number()) {
    config.crop_height = config.crop_width = fields.integer("crop_size", *value, 1, kMostSide);
    return;
  }
  if (!value->is_object()) fields.refuse("crop_size", *value, "a number or an object");
  const Fields inner(*value, cat(fields.where(), ": crop_size"));
  const auto *height = inner.find("height"), *width = inner.find("width");
  if (height == nullptr || width == nullptr) fields.refuse("crop_size", *value, "height and width");
  config.crop_height = inner.integer("height", *height, 1, kMostSide);
  config.crop_width = inner.integer("width", *width, 1, kMostSide);
}

/// A number for all channels, or one for each.
void read_channels(const Fields& fields, const char* key, double least, double most, std::array<double, 3>& target) {
  const auto* value = fields.find(key);
  if (value == nullptr) return;
  if (value->is_number()) {
    target.fill(fields.number(key, *value, least, most));
    return;
  }
  if (!value->is_array() || value->size() != 3) fields.refuse(key, *value, "three numbers");
  for (size_t c = 0; c < 3; ++c) target[c] = fields.number(key, (*value)[c], least, most);
}

void check_background(const Fields& fields, const PreprocessConfig& config) {
  if (!config.do_pad) return;
  for (const auto mean : config.image_mean) {
    if (mean < 0.0 || mean > 1.0)
      fields.refuse("image_mean", Json(config.image_mean), "numbers from 0 to 1 where do_pad is true");
  }
}

}  // namespace

PreprocessConfig clip_preprocess(int32_t image_size) {
  PreprocessConfig config;
  config.shortest_edge = config.crop_height = config.crop_width = image_size;
  return config;
}

PreprocessConfig parse_preprocess(std::string_view json_text, std::string_view where) {
  const auto json = parse(json_text, where);
  const Fields fields(json, std::string(where));
  PreprocessConfig config;
  read_kind(fields);
  fields.read("do_pad", config.do_pad);
  fields.read("do_resize", config.do_resize);
  fields.read("do_center_crop", config.do_center_crop);
  fields.read("do_rescale", config.do_rescale);
  fields.read("do_normalize", config.do_normalize);
  fields.read("do_convert_rgb", config.do_convert_rgb);
  read_size(fields, config);
  read_crop_size(fields, config);
  if (const auto* value = fields.find("resample"))
    config.resample = static_cast<Resample>(fields.integer("resample", *value, 0, 5));
  if (const auto* value = fields.find("rescale_factor"))
    config.rescale_factor = fields.number("rescale_factor", *value, 1e-9, 1e9);
  read_channels(fields, "image_mean", -1e6, 1e6, config.image_mean);
  read_channels(fields, "image_std", 1e-6, 1e6, config.image_std);
  check_background(fields, config);
  return config;
}

void apply_aspect_ratio(PreprocessConfig& config, std::string_view value, std::string_view where) {
  if (value != "pad" && value != "square") {
    throw Error(Status::unsupported,
                cat(where, ": image_aspect_ratio is ", value.substr(0, 60), ", expected pad or square"));
  }
  config.do_pad = value == "pad";
}

}  // namespace llava::core
