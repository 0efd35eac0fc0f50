// preprocessor_config.json into PreprocessConfig. Every value is checked for type and range where it enters.
#include <algorithm>
#include <array>
#include <string>

#include "base/error.hpp"
#include "base/json.hpp"
#include "image/preprocess.hpp"

namespace llava::core {
namespace {

constexpr int64_t kMostSide = limits::kVisionImageSize;

[[noreturn]] void refuse(std::string_view where, std::string_view key, const Json& found, std::string_view expected) {
  throw Error(Status::format, cat(where, ": ", key, " is ", json_found(found), ", expected ", expected));
}

int32_t read_side(const Json& object, std::string_view key, std::string_view where) {
  return static_cast<int32_t>(read_int(object, key, where, 1, kMostSide));
}

void check_kind(const Json& json, std::string_view where) {
  constexpr std::string_view kKnown[] = {"CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPFeatureExtractor",
                                         "LlavaImageProcessor", "LlavaImageProcessorFast"};
  for (const auto* key : {"image_processor_type", "feature_extractor_type"}) {
    const auto kind = read_string(json, key, where, "");
    if (kind.empty()) continue;
    if (std::find(std::begin(kKnown), std::end(kKnown), kind) != std::end(kKnown)) return;
    throw Error(Status::unsupported, cat(where, ": ", key, " is ", json_found(Json(kind)),
                                         ", expected CLIPImageProcessor or LlavaImageProcessor"));
  }
}

/// "size": a number, {"shortest_edge"} or {"height", "width"}.
void read_size(const Json& json, std::string_view where, PreprocessConfig& config) {
  const auto* size = find_value(json, "size", where);
  if (size == nullptr) return;
  if (size->is_number()) {
    config.shortest_edge = read_side(json, "size", where);
    return;
  }
  constexpr auto kExpected = "a number, shortest_edge, or height and width";
  if (!size->is_object()) refuse(where, "size", *size, kExpected);
  const auto inner = cat(where, ".size");
  const auto has = [&](std::string_view key) { return find_value(*size, key, inner) != nullptr; };
  if (has("shortest_edge") && !has("height") && !has("width") && !has("longest_edge")) {
    config.shortest_edge = read_side(*size, "shortest_edge", inner);
  } else if (has("height") && has("width") && !has("shortest_edge")) {
    config.shortest_edge = 0;
    config.height = read_side(*size, "height", inner);
    config.width = read_side(*size, "width", inner);
  } else {
    refuse(where, "size", *size, kExpected);
  }
}

/// "crop_size": a number or {"height", "width"}.
void read_crop_size(const Json& json, std::string_view where, PreprocessConfig& config) {
  const auto* size = find_value(json, "crop_size", where);
  if (size == nullptr) return;
  if (size->is_number()) {
    config.crop_height = config.crop_width = read_side(json, "crop_size", where);
    return;
  }
  if (!size->is_object()) refuse(where, "crop_size", *size, "a number, or height and width");
  const auto inner = cat(where, ".crop_size");
  config.crop_height = read_side(*size, "height", inner);
  config.crop_width = read_side(*size, "width", inner);
}

struct Range {
  double least, most;
};

/// A number for all channels, or one for each.
void read_channels(const Json& json, std::string_view key, std::string_view where, Range range,
                   std::array<double, 3>& target) {
  const auto* value = find_value(json, key, where);
  if (value == nullptr) return;
  if (value->is_number()) {
    target.fill(read_number(json, key, where, range.least, range.most));
    return;
  }
  const auto numbers = read_number_list(json, key, where, range.least, range.most);
  if (numbers.size() != target.size()) refuse(where, key, *value, "three numbers");
  std::copy(numbers.begin(), numbers.end(), target.begin());
}

void check_background(std::string_view where, const PreprocessConfig& config) {
  for (const auto mean : config.image_mean) {
    if (config.do_pad && (mean < 0.0 || mean > 1.0)) {
      refuse(where, "image_mean", Json(std::vector<double>(config.image_mean.begin(), config.image_mean.end())),
             "numbers from 0 to 1 where do_pad is true");
    }
  }
}

}  // namespace

PreprocessConfig clip_preprocess(int32_t image_size) {
  PreprocessConfig config;
  config.shortest_edge = config.crop_height = config.crop_width = image_size;
  return config;
}

PreprocessConfig parse_preprocess_rules(const Json& json, std::string_view where) {
  PreprocessConfig config;
  config.do_pad = read_bool(json, "do_pad", where, config.do_pad);
  config.do_resize = read_bool(json, "do_resize", where, config.do_resize);
  config.do_center_crop = read_bool(json, "do_center_crop", where, config.do_center_crop);
  config.do_rescale = read_bool(json, "do_rescale", where, config.do_rescale);
  config.do_normalize = read_bool(json, "do_normalize", where, config.do_normalize);
  config.do_convert_rgb = read_bool(json, "do_convert_rgb", where, config.do_convert_rgb);
  read_size(json, where, config);
  read_crop_size(json, where, config);
  config.resample =
      static_cast<Resample>(read_int(json, "resample", where, 0, 5, static_cast<int64_t>(config.resample)));
  config.rescale_factor = read_number(json, "rescale_factor", where, 1e-9, 1e9, config.rescale_factor);
  read_channels(json, "image_mean", where, {-1e6, 1e6}, config.image_mean);
  read_channels(json, "image_std", where, {1e-6, 1e6}, config.image_std);
  return config;
}

PreprocessConfig parse_preprocess(std::string_view json_text, std::string_view where) {
  const auto json = parse_json(json_text, where);
  check_kind(json, where);
  auto config = parse_preprocess_rules(json, where);
  check_background(where, config);
  return config;
}

void apply_aspect_ratio(PreprocessConfig& config, std::string_view value, std::string_view where) {
  if (value != "pad" && value != "square") {
    throw Error(Status::unsupported, cat(where, ": image_aspect_ratio is ", json_found(Json(value)),
                                         ", expected \"anyres\", \"pad\" or \"square\""));
  }
  config.do_pad = value == "pad";
  check_background(where, config);
}

}  // namespace llava::core
