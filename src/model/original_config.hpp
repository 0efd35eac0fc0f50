// config.json of the original repository (haotian-liu/LLaVA): a LLaMA or Mistral configuration with mm_ keys beside it.
// The vision tower's numbers stand elsewhere, in the folder that mm_vision_tower names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "model/config.hpp"

namespace llava::core {

/// The mm_ keys. Defaults for absent ones as the original's code has them (llava-facts 2.1).
struct OriginalSettings {
  std::string vision_tower;     // mm_vision_tower, else vision_tower: a folder or a repository id; "" when not named
  int64_t tower_width = 0;      // mm_hidden_size; 0 = not named
  int64_t projector_depth = 1;  // mm_projector_type: linear, mlpNx_gelu
  std::vector<int64_t> feature_layers = {-2};
  bool keep_class_token = false;  // mm_vision_select_feature "cls_patch"
  std::string aspect_ratio;       // image_aspect_ratio: "", "square", "pad", "anyres" …
  bool projector_only = false;    // tune_mm_mlp_adapter: what stage 1 leaves, whose picture shape stage 2 replaces
  std::string merge_type;         // mm_patch_merge_type: "flat", "spatial", "spatial_unpad"; looked at under "anyres"
  bool start_end = false;         // mm_use_im_start_end: <im_start> and <im_end> stand around a picture
  bool patch_token = true;        // mm_use_im_patch_token: the tokenizer gets <im_patch>, which no prompt holds
};

inline constexpr int64_t kMostProjectorLayers = 16;

/// The layers of an mm_projector_type: 1 for "linear", N for "mlpNx_gelu"; nothing for others.
std::optional<int64_t> projector_layers_of(std::string_view type);

/// Throws Error(format) for wrong types and values, Error(unsupported) for projectors and features not read here.
OriginalSettings parse_original_settings(const Json& json, std::string_view where);

/// The whole model: language from `json`, the tower given. Throws Error(format) when parts do not fit each other.
ModelConfig original_model_config(const Json& json, const OriginalSettings& settings, const VisionConfig& vision,
                                  std::string_view where);

/// The tower's configuration from its own config.json: a CLIPVisionConfig, or a whole CLIP's with vision_config inside.
VisionConfig parse_tower_config(const Json& json, std::string_view where);

/// The numbers of the towers that published checkpoints name (openai/clip-vit-large-patch14 and -336); for checkpoints
/// that hold the tower's weights and not its configuration. nullopt for others.
std::optional<VisionConfig> known_tower(std::string_view name);

}  // namespace llava::core
