// What is known of a model before a weight is read: where its parts lie, its sizes, tokenizer, preprocessing, template
// and defaults. A loaded model (checkpoint/bundle) and a plan (checkpoint/plan) are both one of these and more.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "checkpoint/new_projector.hpp"
#include "image/preprocess.hpp"
#include "image/tiles.hpp"
#include "model/config.hpp"
#include "text/prompt.hpp"
#include "text/templates.hpp"
#include "text/tokenizer.hpp"

namespace llava::core {

struct LoadProgress {
  const char* phase = "";  // "weights", "warm-up"
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;
  std::string_view item;  // file name
};

struct LoadOptions {
  std::string device = "cpu";           // "cpu", "cuda", "cuda:1"
  std::optional<at::ScalarType> dtype;  // f32, bf16, f16; nullopt keeps what is stored
  bool map = true;                      // false: read the files into memory of our own
  std::string template_name;            // "" = chosen from the checkpoint (text/templates)
  int64_t max_context = 0;              // 0 = the model's; at most the model's
  bool verify = false;                  // look for NaN and infinity in every weight
  bool allow_pickle = true;             // false: torch's files are Error(unsupported)
  std::string vision_tower;    // folder of a CLIP tower, used instead of any other; "" = as the checkpoint says
  std::string projector;       // file of a projector, used instead of any other; "" = the checkpoint's
  NewProjector new_projector;  // made, used instead of any other
  std::string adapter;         // folder of a LoRA, attached; with its projector it makes a language model a LLaVA
  double adapter_scale = 1;
  std::optional<TileRule> tile_rule;  // whose rule cuts pictures into tiles; nullopt = whose layout it is
  Cancel cancel;
  std::function<void(const LoadProgress&)> progress;  // may throw to stop the load
};

/// What generation_config.json asks for; ruling values where it is silent.
struct GenerationDefaults {
  double temperature = 0.2;  // 0 = greedy
  double top_p = 1.0;
  int64_t top_k = 0;
  double repetition_penalty = 1.0;
  int64_t max_tokens = 512;
  std::vector<int64_t> eos;  // ids that end an answer
};

/// One place that weights come from.
struct WeightSource {
  std::string role;  // "model", "language model", "vision tower", "projector"
  std::string path;  // folder or file
  std::string why;   // how it was found
};

struct Checkpoint {
  std::string path;
  std::string name;    // model_name()
  std::string layout;  // "hf", "hf-5", "original", "parts" (language model, tower and projector from three places)
  std::string family;  // "llava-1.5" …
  std::vector<WeightSource> sources;
  ModelConfig config;
  bool vision_known = true;  // false, of plans alone: the tower was not found, and nothing says how large it is
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string tokenizer_file;    // "tokenizer.model" or "tokenizer.json"
  std::string tokenizer_unused;  // the other one where the folder has both, else ""
  ImageMarks image_marks;        // ids that stand around a picture
  PreprocessConfig preprocess;
  std::optional<TilingConfig> tiling;  // pictures are cut into tiles (LLaVA-NeXT)
  std::string aspect_ratio;            // the original's image_aspect_ratio; "" where none is named
  // No file says whether pictures are padded (image_aspect_ratio, do_pad), or it says "square" after stage 1 alone: they are
  // not, and a stage of training may choose (train/sample_rules).
  bool aspect_ratio_open = false;
  bool preprocess_known =
      false;  // false, of plans alone: nothing tells how pictures are prepared, but perhaps aspect_ratio
  const Template* chat_template = nullptr;
  std::string template_reason;
  GenerationDefaults defaults;
  int64_t context = 0;  // tokens a session may hold
  int64_t weight_bytes = 0;
  int64_t parameters = 0;
  std::string stored_dtype;         // of the language model's embeddings, "bf16"
  std::vector<std::string> unused;  // published names of tensors nobody takes
  std::vector<std::string> notes;   // what was decided where the files leave a choice

  /// Positions that a picture of this size takes in a prompt.
  int64_t image_tokens(int64_t width, int64_t height) const {
    return tiling ? plan_tiles(*tiling, width, height).tokens : config.tokens_per_image();
  }

  /// The same for the picture that takes most.
  int64_t most_image_tokens() const { return tiling ? tiling->most_tokens() : config.tokens_per_image(); }

  /// Under the template "none" the prompt is as it is.
  ImageMarks marks_for(const Template& row) const {
    return row.style == TemplateStyle::none ? ImageMarks() : image_marks;
  }
};

}  // namespace llava::core
