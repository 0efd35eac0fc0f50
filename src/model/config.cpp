// Which part of the vision tower a feature layer needs.
#include "model/config.hpp"

#include "base/error.hpp"

namespace llava::core {

int64_t ModelConfig::vision_blocks_for(int64_t layer) const {
  // hidden_states has layers + 1 entries: 0 is the embedding after pre_layrnorm, k the output of block k
  const int64_t blocks = layer < 0 ? vision.layers + 1 + layer : layer;
  if (blocks < 0 || blocks > vision.layers)
    throw Error(Status::argument, cat("vision layer ", layer, ": the tower has hidden states ", -(vision.layers + 1),
                                      " to ", vision.layers));
  return blocks;
}

}  // namespace llava::core
