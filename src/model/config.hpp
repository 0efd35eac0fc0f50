// The numbers that fix a LLaVA's shape, as plain values: vision tower, projector, language model, and how they meet.
// They come from config.json (model/config_json) and are checked against each other before a weight is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace llava::core {

enum class Activation : uint8_t { quick_gelu, gelu, gelu_tanh };

/// "quick_gelu", "gelu", "gelu_pytorch_tanh": as config.json writes them.
const char* activation_name(Activation activation);

/// CLIP ViT (Radford et al. 2021): pre-norm blocks, class token first, learnt positions.
struct VisionConfig {
  int64_t width = 768;
  int64_t intermediate = 3072;
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t patch_size = 32;
  int64_t image_size = 224;
  double layer_norm_eps = 1e-5;
  Activation activation = Activation::quick_gelu;

  int64_t grid() const { return image_size / patch_size; }
  int64_t patches() const { return grid() * grid(); }
};

struct ProjectorConfig {
  int64_t depth = 2;  // number of linear layers: 1 = linear (paper), 2 = mlp2x_gelu (LLaVA-1.5)
  bool bias = true;
  Activation activation = Activation::gelu;
};

/// Rotary positions (Su et al. 2021) and the ways checkpoints stretch them; names and rules as in transformers'
/// modeling_rope_utils.
struct RopeConfig {
  enum class Scaling : uint8_t { none, linear, dynamic, llama3 };
  double theta = 10000.0;
  Scaling scaling = Scaling::none;
  double factor = 1.0;
  double low_frequency_factor = 1.0;   // llama3
  double high_frequency_factor = 4.0;  // llama3
  int64_t original_context = 0;        // llama3; dynamic uses the model's context
};

/// LLaMA (Touvron et al. 2023) with grouped-query attention; Mistral (Jiang et al. 2023) is that with a window.
struct LanguageConfig {
  std::string type = "llama";  // model_type: "llama", "mistral"
  int64_t vocabulary = 32000;
  int64_t width = 4096;
  int64_t intermediate = 11008;
  int64_t layers = 32;
  int64_t heads = 32;
  int64_t key_value_heads = 32;
  int64_t head_width = 128;
  int64_t context = 2048;
  int64_t window = 0;  // positions a token sees, itself included; 0 = all before it
  double rms_norm_eps = 1e-6;
  bool tied_head = false;
  bool attention_bias = false;
  bool mlp_bias = false;
  RopeConfig rope;
  int64_t bos = 1;
  std::vector<int64_t> eos = {2};
  int64_t pad = -1;  // -1 = none

  /// Keys and values that one token adds to the cache.
  int64_t cache_numbers_per_token() const { return 2 * layers * key_value_heads * head_width; }

  /// How far positions reach: stretched rotary angles reach further than what the model was trained with.
  int64_t reachable_context() const {
    const bool stretched = rope.scaling == RopeConfig::Scaling::linear || rope.scaling == RopeConfig::Scaling::dynamic;
    return stretched ? static_cast<int64_t>(static_cast<double>(context) * rope.factor) : context;
  }
};

struct ModelConfig {
  VisionConfig vision;
  ProjectorConfig projector;
  LanguageConfig language;
  std::vector<int64_t> feature_layers = {-2};  // hidden states handed to the projector, channels side by side;
                                               // 0 = embeddings, negative from the end
  bool keep_class_token = false;  // vision_feature_select_strategy "full" / mm_vision_select_feature "cls_patch"
  bool image_newline = false;  // LLaVA-NeXT: the row that ends each line of a picture's tiles is a tensor of the model
  int64_t image_token = -1;    // the id that Hugging Face checkpoints reserve for <image>; -1 = none
  std::string dtype;           // torch_dtype of the file, "" when it is not named

  /// Width of what the projector reads.
  int64_t feature_width() const { return vision.width * static_cast<int64_t>(feature_layers.size()); }

  /// Rows of language-model input one picture becomes, or one tile of a picture that is cut (image/tiles).
  int64_t tokens_per_image() const { return vision.patches() + (keep_class_token ? 1 : 0); }

  /// The number of vision blocks that have to run for `layer` (counted as hidden_states of transformers).
  /// Throws Error(argument) when the tower has no such layer.
  int64_t vision_blocks_for(int64_t layer) const;

  /// The same for the deepest of feature_layers.
  int64_t needed_vision_blocks() const;
};

}  // namespace llava::core
