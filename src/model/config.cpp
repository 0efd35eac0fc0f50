// Which part of the vision tower a feature layer needs.
#include "model/config.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace llava::core {

const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::quick_gelu:
      return "quick_gelu";
    case Activation::gelu:
      return "gelu";
    case Activation::gelu_tanh:
      return "gelu_pytorch_tanh";
  }
  return "?";
}

int64_t ModelConfig::vision_blocks_for(int64_t layer) const {
  // hidden_states has layers + 1 entries: 0 is the embedding after pre_layrnorm, k the output of block k
  const int64_t blocks = layer < 0 ? vision.layers + 1 + layer : layer;
  if (blocks < 0 || blocks > vision.layers)
    throw Error(Status::argument, cat("vision layer ", layer, ": the tower has hidden states ", -(vision.layers + 1),
                                      " to ", vision.layers));
  return blocks;
}

int64_t ModelConfig::needed_vision_blocks() const {
  int64_t most = 0;
  for (const auto layer : feature_layers) most = std::max(most, vision_blocks_for(layer));
  return most;
}

}  // namespace llava::core
