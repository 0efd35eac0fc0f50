// The model that a run has made so far, to ask it something: the one it began with, and what has been learnt in place of
// that or beside it. No weight is copied: it is the run's own memory, and good until the next step. At ZeRO level 3 what
// was learnt is gathered, and is memory of its own.
#pragma once

#include <memory>

#include "checkpoint/bundle.hpp"
#include "train/network.hpp"

namespace llava::core {

/// Within Network::lend() where values lie in shards. `base` is the model that the run began with, loaded with the options of the run. `number` tells one such model from
/// the next: what sessions keep of one is no good for another.
std::shared_ptr<const Bundle> current_model(std::shared_ptr<const Bundle> base, const Network& network, int64_t number);

}  // namespace llava::core
