// A whole model in memory: weights, and everything checkpoint/checkpoint.hpp knows of them, checked against each other.
// Everything above (sessions, the C ABI) works on a Bundle.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "base/json_value.hpp"
#include "checkpoint/checkpoint.hpp"
#include "model/model.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

struct Adapter;

struct Bundle : Checkpoint {
  std::shared_ptr<const Model> model;
  std::string fingerprint;  // 32 hex digits over config, tensor names, shapes, dtypes and samples of the weights
  std::string vision_tower, projector;  // as the load options named them, or found beside an adapter
  bool allow_pickle = true;             // as the load options said; holds for adapters too
  bool map = true;                      // likewise
  std::vector<MappedSource> files;      // that weights may be mapped from, without the adapter's

  // Of a model with an adapter (checkpoint/adapter); the rest is the model's own.
  std::shared_ptr<const Bundle> base;      // the model without it; nullptr for the model itself
  std::shared_ptr<const Adapter> adapter;  // nullptr for the model itself
  double adapter_scale = 1;
  std::string variant;            // what keys and values are computed with: "" or 32 hex digits
  std::string image_fingerprint;  // what image rows are made with: `fingerprint` unless an adapter changes that too
};

/// Loads a checkpoint of any layout that checkpoint/layout.hpp names: makes the plan, then carries it out.
/// With options.adapter the result has that adapter. Throws Error(not_found | format | unsupported | limit | io |
/// cancelled | timeout | argument); nothing stays open.
std::shared_ptr<const Bundle> load_bundle(const std::string& path, const LoadOptions& options);

/// Throws Error(io) when a file that weights of the model or its adapter are mapped from was cut or written to since: to be
/// called as work with the model begins, for reading its weights would end the process. What happens while the work goes
/// on nobody can see. Not called for every token.
void check_unchanged(const Bundle& bundle);

/// Everything `llava info` prints, as one JSON object; `adapters` is Adapters::describe().
std::string bundle_info_json(const Bundle& bundle, const Json& adapters = Json::array());

/// Memory of keys and values a session keeps for each position.
int64_t cache_bytes_per_token(const Bundle& bundle);

/// A picture on its way into the tower.
struct PreparedPicture {
  at::Tensor pixels_N3SS;         // one, or its tiles; undefined: there is none
  int32_t width = 0, height = 0;  // of the picture
};

/// Rows of language-model input made from one picture.
struct ImageEmbedding {
  at::Tensor rows_PD;           // activations' dtype and device of the model
  std::string picture;          // content hash of the picture, "" when it is not known
  std::string fingerprint;      // image_fingerprint of the model that made it
  PreparedPicture source = {};  // what it was made of, where a session shall be able to make it again
};

/// Preprocesses (image/preprocess) and puts pictures into one f32 tensor [N, 3, S, S] on the CPU. Of a model that cuts
/// pictures (image/tiles) each becomes its tiles, one after the other.
at::Tensor picture_pixels(const Bundle& bundle, const std::vector<const Picture*>& pictures, const Cancel& cancel);

/// Pictures a forward pass takes at once: bounds the memory of activations.
inline constexpr int64_t kEncodeGroup = 8;

/// Pixels [N, 3, S, S] -> the rows [P, D] of each, or the features [P, C] they are projected from; in groups, polled
/// between blocks. Tiles go one by one: a picture has several, and cancelling should not take longer for it.
std::vector<at::Tensor> encode_pixels(const Bundle& bundle, const at::Tensor& pixels_N3SS, const Cancel& cancel,
                                      const FeatureChoice& choice = {}, bool projected = true);

/// What encode_pixels() made of one picture's pixels as the picture's rows: the only tensor there is, or the tiles packed
/// (model/pack). Features before the projector are not packed, they have no line ends: [T * P, C], tile after tile.
at::Tensor join_tiles(const Bundle& bundle, int32_t width, int32_t height, std::vector<at::Tensor> tiles,
                      bool projected);

/// Pictures to rows: the three above, so that the pixels of many pictures are never held together. Throws what they do,
/// and Error(argument) when class tokens are to be kept and packed.
std::vector<at::Tensor> encode_rows(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                    const Cancel& cancel, const FeatureChoice& choice = {}, bool projected = true);

/// Pictures to embeddings: encode_rows() and the content hashes.
std::vector<ImageEmbedding> encode_pictures(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                            const Cancel& cancel);

}  // namespace llava::core
