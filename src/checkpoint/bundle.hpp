// A whole model from a folder: weights, configuration, tokenizer, preprocessing, template and defaults, checked against
// each other. Everything above (sessions, the C ABI) works on a Bundle.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "image/preprocess.hpp"
#include "model/model.hpp"
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

struct Bundle {
  std::string path;
  std::string layout;  // "hf" or "hf-5"
  ModelConfig config;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string tokenizer_file;    // "tokenizer.model" or "tokenizer.json"
  std::string tokenizer_unused;  // the other one where the folder has both, else ""
  PreprocessConfig preprocess;
  const Template* chat_template = nullptr;
  std::string template_reason;
  GenerationDefaults defaults;
  std::shared_ptr<const Model> model;
  std::string fingerprint;  // 32 hex digits over config, tensor names, shapes, dtypes and samples of the weights
  int64_t context = 0;      // tokens a session may hold
  int64_t weight_bytes = 0;
  int64_t parameters = 0;
  std::string stored_dtype;         // of the language model's embeddings, "bf16"
  std::vector<std::string> unused;  // published names of tensors nobody took
};

/// Loads a Hugging Face LLaVA-1.5 directory (config.json, *.safetensors, tokenizer.model or tokenizer.json,
/// preprocessor_config.json, generation_config.json where there).
///
/// Throws Error(not_found | format | unsupported | limit | io | cancelled | timeout | argument); nothing stays open.
std::shared_ptr<const Bundle> load_bundle(const std::string& path, const LoadOptions& options);

/// Everything `llava info` prints, as one JSON object.
std::string bundle_info_json(const Bundle& bundle);

/// Rows of language-model input made from one picture.
struct ImageEmbedding {
  at::Tensor rows_PD;       // activations' dtype and device of the model
  std::string picture;      // content hash of the picture, "" when it is not known
  std::string fingerprint;  // of the model that made it
};

/// Preprocesses (image/preprocess) and puts pictures into one f32 tensor [N, 3, S, S] on the CPU.
at::Tensor picture_pixels(const Bundle& bundle, const std::vector<const Picture*>& pictures, const Cancel& cancel);

/// Pixels [N, 3, S, S] -> the rows [P, D] of each picture; in groups of eight, polled between blocks.
std::vector<at::Tensor> encode_pixels(const Bundle& bundle, const at::Tensor& pixels_N3SS, const Cancel& cancel);

/// Pictures to embeddings: picture_pixels, encode_pixels, and the content hashes.
std::vector<ImageEmbedding> encode_pictures(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                            const Cancel& cancel);

}  // namespace llava::core
