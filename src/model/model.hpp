// A whole LLaVA: vision tower, projector, language model. Ids and pixels in, numbers out; it knows no text and no
// picture file. Immutable after construction, so any number of sessions may use it from any number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "model/config.hpp"
#include "model/language.hpp"
#include "model/parameters.hpp"
#include "model/projector.hpp"
#include "model/vision.hpp"

namespace llava::core {

/// Which hidden state of the tower, and whether its class token is kept. Empty fields: as the checkpoint says.
struct FeatureChoice {
  std::optional<int64_t> layer;
  std::optional<bool> keep_class_token;
};

class Model {
 public:
  /// Takes every tensor through `parameters` and calls its finish(): throws when something is missing or misfits.
  Model(Parameters& parameters, const ModelConfig& config);

  /// This model with an adapter at `scale`; shares every tensor that the adapter leaves as it is. Borrows nothing.
  Model adapted(const Adaptation& adaptation, double scale) const;

  const ModelConfig& config() const { return config_; }
  const Placement& placement() const { return placement_; }

  /// Its tensors by canonical name; of an adapted one, those of the model it was made from.
  const HeldTensors& held() const { return *held_; }
  const LanguageModel& language() const { return language_; }
  at::Device device() const { return language_.device(); }
  at::ScalarType dtype() const { return language_.dtype(); }

  /// Pixels [N, 3, S, S], f32 -> features of the tower [N, P, C] (or 1 + P rows with the class token); C is the
  /// configuration's feature_width(), or the tower's width when `choice` names one layer.
  at::Tensor vision_features(const at::Tensor& pixels_N3SS, const FeatureChoice& choice, const Cancel& cancel) const;

  /// [N, P, C] -> [N, P, D].
  at::Tensor project(const at::Tensor& features_NPC) const;

  /// The row that ends each line of a picture's tiles, [D]; undefined where the configuration has none.
  const at::Tensor& image_newline() const { return image_newline_D_; }

  /// Token rows with image rows spliced in (model/splice).
  at::Tensor embed(std::span<const int64_t> ids_L, const std::vector<at::Tensor>& features) const;

  /// Runs one row through one block of the language model, so that LibTorch's first-call set-up happens at load (a
  /// first call under memory pressure can end the process) and not in the middle of an answer. One block: the pages of
  /// mapped weights come in when they are needed. Throws Error(cancelled | timeout).
  void warm_up(const Cancel& cancel) const { language_.warm_up(cancel); }

 private:
  ModelConfig config_;
  Placement placement_;
  VisionTower vision_;
  Projector projector_;
  LanguageModel language_;
  std::shared_ptr<const HeldTensors> held_;
  at::Tensor image_newline_D_;
};

}  // namespace llava::core
