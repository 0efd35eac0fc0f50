// From pictures to rows the language model can read.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "checkpoint/bundle.hpp"
#include "image/content_hash.hpp"
#include "model/pack.hpp"

namespace llava::core {
namespace {

// Writes what one picture becomes, and returns the place after it.
float* put_pixels(float* target, const Bundle& bundle, const Picture& picture, const Cancel& cancel) {
  const int64_t size = bundle.config.vision.image_size;
  const auto put = [&](const Pixels& pixels) {
    if (pixels.height != size || pixels.width != size)
      throw Error(Status::format, cat(bundle.path, ": preprocessor_config.json makes pictures of ", pixels.width, " x ",
                                      pixels.height, ", the vision tower expects ", size, " x ", size));
    target = std::copy(pixels.values.begin(), pixels.values.end(), target);
  };
  if (!bundle.tiling) put(preprocess(picture, bundle.preprocess, cancel));
  if (bundle.tiling)
    for (const auto& tile : cut_tiles_u8(picture, *bundle.tiling, bundle.preprocess.resample, cancel))
      put(scaled(tile, bundle.preprocess));
  return target;
}

int64_t tiles_of(const Bundle& bundle, const Picture& picture) {
  return bundle.tiling ? plan_tiles(*bundle.tiling, picture.width, picture.height).tiles() : 1;
}

}  // namespace

at::Tensor picture_pixels(const Bundle& bundle, const std::vector<const Picture*>& pictures, const Cancel& cancel) {
  const int64_t size = bundle.config.vision.image_size;
  int64_t count = 0;
  for (const auto* picture : pictures) check_picture(*picture), count += tiles_of(bundle, *picture);
  auto pixels_N3SS = at::empty({count, 3, size, size}, at::kFloat);
  auto* target = pixels_N3SS.mutable_data_ptr<float>();
  for (const auto* picture : pictures) target = put_pixels(target, bundle, *picture, cancel);
  return pixels_N3SS;
}

std::vector<at::Tensor> encode_pixels(const Bundle& bundle, const at::Tensor& pixels_N3SS, const Cancel& cancel,
                                      const FeatureChoice& choice, bool projected) {
  const c10::InferenceMode no_gradients;
  check_unchanged(bundle);
  const int64_t most = bundle.tiling ? 1 : kEncodeGroup;
  std::vector<at::Tensor> rows;
  for (int64_t begin = 0; begin < pixels_N3SS.size(0); begin += most) {
    const auto group = pixels_N3SS.narrow(0, begin, std::min(most, pixels_N3SS.size(0) - begin));
    const auto features_NPC = bundle.model->vision_features(group, choice, cancel);
    const auto rows_NPD = projected ? bundle.model->project(features_NPC) : features_NPC;
    for (int64_t i = 0; i < rows_NPD.size(0); ++i) rows.push_back(rows_NPD[i].clone());
  }
  return rows;
}

at::Tensor join_tiles(const Bundle& bundle, int32_t width, int32_t height, std::vector<at::Tensor> tiles,
                      bool projected) {
  const c10::InferenceMode no_gradients;
  if (!bundle.tiling) return std::move(tiles.front());
  const auto& tiling = *bundle.tiling;
  if (!projected || tiling.merge == TileMerge::flat) return at::cat(tiles, 0);
  const auto plan = plan_tiles(tiling, width, height);
  const TileMap map = {plan.rows, plan.columns, plan.kept_top, plan.kept_left, plan.kept_height, plan.kept_width};
  return pack_tiles(at::stack(tiles), map, bundle.model->image_newline());
}

std::vector<at::Tensor> encode_rows(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                    const Cancel& cancel, const FeatureChoice& choice, bool projected) {
  const bool packed = bundle.tiling && projected && bundle.tiling->merge != TileMerge::flat;
  if (packed && choice.keep_class_token.value_or(false))
    throw Error(Status::argument,
                "class_token: the tiles of a picture are laid out as one map, which has no place for it");
  const size_t most = bundle.tiling ? 1 : kEncodeGroup;
  std::vector<at::Tensor> all;
  for (size_t begin = 0; begin < pictures.size(); begin += most) {
    const auto end = std::min(begin + most, pictures.size());
    const std::vector<const Picture*> group(pictures.begin() + static_cast<ptrdiff_t>(begin),
                                            pictures.begin() + static_cast<ptrdiff_t>(end));
    auto rows = encode_pixels(bundle, picture_pixels(bundle, group, cancel), cancel, choice, projected);
    if (bundle.tiling)
      all.push_back(join_tiles(bundle, group.front()->width, group.front()->height, std::move(rows), projected));
    else
      std::move(rows.begin(), rows.end(), std::back_inserter(all));
  }
  return all;
}

std::vector<ImageEmbedding> encode_pictures(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                            const Cancel& cancel) {
  const auto rows = encode_rows(bundle, pictures, cancel);
  std::vector<ImageEmbedding> embeddings;
  for (size_t i = 0; i < rows.size(); ++i)
    embeddings.push_back({rows[i], content_hash(*pictures[i], cancel), bundle.image_fingerprint, {}});
  return embeddings;
}

}  // namespace llava::core
