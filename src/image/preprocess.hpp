// From a picture to the numbers the vision encoder reads, as the checkpoint says: pad to a square, resize, crop the
// centre, scale, normalise. Equal to transformers' image processors with Pillow underneath.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/json.hpp"
#include "image/picture.hpp"
#include "image/resize.hpp"

namespace llava::core {

/// The fields of preprocessor_config.json. A Picture is RGB already, so do_convert_rgb changes nothing.
struct PreprocessConfig {
  bool do_pad =
      false;  // first, to a square of colour int(mean * 255); image_aspect_ratio "pad" of original checkpoints
  bool do_resize = true;
  int32_t shortest_edge = 224;    // > 0: the shorter side becomes this, the aspect ratio stays
  int32_t height = 0, width = 0;  // > 0 where shortest_edge is 0: exactly this size
  Resample resample = Resample::bicubic;
  bool do_center_crop = true;
  int32_t crop_height = 224, crop_width = 224;
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255.0;
  bool do_normalize = true;
  std::array<double, 3> image_mean{0.48145466, 0.4578275, 0.40821073};  // of CLIP, 0 to 1
  std::array<double, 3> image_std{0.26862954, 0.26130258, 0.27577711};
  bool do_convert_rgb = true;
};

/// CLIPImageProcessor's defaults for one size: what a checkpoint without preprocessor_config.json gets.
PreprocessConfig clip_preprocess(int32_t image_size);

/// Reads preprocessor_config.json of CLIPImageProcessor[Fast], CLIPFeatureExtractor or LlavaImageProcessor[Fast].
/// Absent keys have the defaults of those classes; unknown keys are ignored, as there. LlavaNextImageProcessor is read by
/// image/tiles.
///
///   where  stands in messages: "preprocessor_config.json"
///
/// Throws Error: format (wrong JSON, type or range, with key, found and expected), unsupported (another processor),
/// limit.
PreprocessConfig parse_preprocess(std::string_view json_text, std::string_view where);

/// The same fields of a document whose image_processor_type has been looked at.
PreprocessConfig parse_preprocess_rules(const Json& json, std::string_view where);

/// image_aspect_ratio of an original checkpoint's config.json: "pad" pads, "square" does not; others are unsupported.
void apply_aspect_ratio(PreprocessConfig& config, std::string_view value, std::string_view where);

/// Bytes after resizing and cropping, before scaling: what is compared with Pillow.
struct PixelsU8 {
  int32_t height = 0, width = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3]
};

/// What the encoder reads.
struct Pixels {
  int32_t channels = 3, height = 0, width = 0;
  std::vector<float> values;  // [3, height, width]
};

/// Pads, resizes and crops. Memory O(longest side x target side), never the padded square. Throws Error(limit) when the
/// result would have more than limits::kPicturePixels pixels (no crop, extreme aspect), cancelled, timeout.
PixelsU8 preprocess_u8(const Picture& picture, const PreprocessConfig& config, const Cancel& cancel = {});

/// Throws Error(argument) when a picture's sides are not positive or its bytes are not as many as they say.
void check_picture(const Picture& picture);

/// float32(byte * rescale_factor), then (x - mean) / std in float32: bit-equal to transformers.
Pixels scaled(const PixelsU8& bytes, const PreprocessConfig& config);

/// preprocess_u8(), then scaled().
Pixels preprocess(const Picture& picture, const PreprocessConfig& config, const Cancel& cancel = {});

}  // namespace llava::core
