// The whole model.
#include "model/model.hpp"

#include "base/error.hpp"
#include "model/splice.hpp"

namespace llava::core {

Model::Model(Parameters& parameters, const ModelConfig& config)
    : config_(config),
      placement_(parameters.placement()),
      vision_(parameters, config),
      projector_(parameters, config),
      language_(parameters, config.language),
      held_(parameters.held()) {
  if (config.image_newline) image_newline_D_ = parameters.take("image_newline", {config.language.width});
  parameters.finish();
}

Model Model::adapted(const Adaptation& adaptation, double scale) const {
  Parameters parameters(held_, adaptation, scale, placement_, dtype());
  return Model(parameters, config_);
}

at::Tensor Model::vision_features(const at::Tensor& pixels_N3SS, const FeatureChoice& choice,
                                  const Cancel& cancel) const {
  const auto size = config_.vision.image_size;
  if (pixels_N3SS.dim() != 4 || pixels_N3SS.size(1) != 3 || pixels_N3SS.size(2) != size || pixels_N3SS.size(3) != size)
    throw Error(Status::argument, cat("pixels are ", shape_text(pixels_N3SS.sizes().vec()),
                                      ", the tower expects [N, 3, ", size, ", ", size, ']'));
  const auto blocks =
      choice.layer ? std::vector<int64_t>{config_.vision_blocks_for(*choice.layer)} : feature_blocks(config_);
  const auto states = vision_.hidden_states(pixels_N3SS, blocks, cancel);
  return joined_features(states, choice.keep_class_token.value_or(config_.keep_class_token));
}

at::Tensor Model::project(const at::Tensor& features_NPC) const {
  if (features_NPC.size(-1) != config_.feature_width())
    throw Error(Status::argument,
                cat("features are ", features_NPC.size(-1), " wide, the projector expects ", config_.feature_width()));
  return projector_(features_NPC.contiguous());
}

at::Tensor Model::embed(std::span<const int64_t> ids_L, const std::vector<at::Tensor>& features) const {
  return splice(ids_L, features, language_.token_embeddings(), language_.dtype());
}

}  // namespace llava::core
