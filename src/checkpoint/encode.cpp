// From pictures to rows the language model can read.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include "base/error.hpp"
#include "checkpoint/bundle.hpp"
#include "image/content_hash.hpp"

namespace llava::core {

at::Tensor picture_pixels(const Bundle& bundle, const std::vector<const Picture*>& pictures, const Cancel& cancel) {
  const int64_t size = bundle.config.vision.image_size;
  auto pixels_N3SS = at::empty({static_cast<int64_t>(pictures.size()), 3, size, size}, at::kFloat);
  for (size_t i = 0; i < pictures.size(); ++i) {
    const auto pixels = preprocess(*pictures[i], bundle.preprocess, cancel);
    if (pixels.height != size || pixels.width != size)
      throw Error(Status::format, cat(bundle.path, ": preprocessor_config.json makes pictures of ", pixels.width, " x ",
                                      pixels.height, ", the vision tower expects ", size, " x ", size));
    std::copy(pixels.values.begin(), pixels.values.end(),
              pixels_N3SS.mutable_data_ptr<float>() + static_cast<int64_t>(i) * 3 * size * size);
  }
  return pixels_N3SS;
}

std::vector<at::Tensor> encode_pixels(const Bundle& bundle, const at::Tensor& pixels_N3SS, const Cancel& cancel,
                                      const FeatureChoice& choice, bool projected) {
  const c10::InferenceMode no_gradients;
  std::vector<at::Tensor> rows;
  for (int64_t begin = 0; begin < pixels_N3SS.size(0); begin += kEncodeGroup) {
    const auto group = pixels_N3SS.narrow(0, begin, std::min(kEncodeGroup, pixels_N3SS.size(0) - begin));
    const auto features_NPC = bundle.model->vision_features(group, choice, cancel);
    const auto rows_NPD = projected ? bundle.model->project(features_NPC) : features_NPC;
    for (int64_t i = 0; i < rows_NPD.size(0); ++i) rows.push_back(rows_NPD[i].clone());
  }
  return rows;
}

std::vector<ImageEmbedding> encode_pictures(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                            const Cancel& cancel) {
  const auto rows = encode_pixels(bundle, picture_pixels(bundle, pictures, cancel), cancel);
  std::vector<ImageEmbedding> embeddings;
  for (size_t i = 0; i < rows.size(); ++i)
    embeddings.push_back({rows[i], content_hash(*pictures[i], cancel), bundle.image_fingerprint});
  return embeddings;
}

}  // namespace llava::core
