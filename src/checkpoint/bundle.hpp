// A whole model in memory: weights, and everything checkpoint/checkpoint.hpp knows of them, checked against each other.
// Everything above (sessions, the C ABI) works on a Bundle.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "model/model.hpp"

namespace llava::core {

struct Bundle : Checkpoint {
  std::shared_ptr<const Model> model;
  std::string fingerprint;  // 32 hex digits over config, tensor names, shapes, dtypes and samples of the weights
  std::string vision_tower, projector;  // as the load options named them
};

/// Loads a checkpoint of any layout that checkpoint/layout.hpp names: makes the plan, then carries it out.
/// Throws Error(not_found | format | unsupported | limit | io | cancelled | timeout | argument); nothing stays open.
std::shared_ptr<const Bundle> load_bundle(const std::string& path, const LoadOptions& options);

/// Everything `llava info` prints, as one JSON object.
std::string bundle_info_json(const Bundle& bundle);

/// Memory of keys and values a session keeps for each position.
int64_t cache_bytes_per_token(const Bundle& bundle);

/// Rows of language-model input made from one picture.
struct ImageEmbedding {
  at::Tensor rows_PD;       // activations' dtype and device of the model
  std::string picture;      // content hash of the picture, "" when it is not known
  std::string fingerprint;  // of the model that made it
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
at::Tensor join_tiles(const Bundle& bundle, const Picture& picture, std::vector<at::Tensor> tiles, bool projected);

/// Pictures to rows: the three above, so that the pixels of many pictures are never held together. Throws what they do,
/// and Error(argument) when class tokens are to be kept and packed.
std::vector<at::Tensor> encode_rows(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                    const Cancel& cancel, const FeatureChoice& choice = {}, bool projected = true);

/// Pictures to embeddings: encode_rows() and the content hashes.
std::vector<ImageEmbedding> encode_pictures(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                            const Cancel& cancel);

}  // namespace llava::core
