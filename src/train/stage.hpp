// A pass through the network cut where other parameters begin to be read.
#pragma once

#include <cstdint>
#include <vector>

namespace llava::core {

/// A stretch of a pass in which one unit's parameters are read (two, where the head is the table). Stages follow from what
/// learns: they are the same for every micro-batch, and one that has no work for a stage goes through it all the same.
struct Stage {
  enum class Part : uint8_t { table, tower_input, tower_block, projector, block, head };
  Part part;
  size_t index = 0;               // of a block
  bool back = false;              // the head turns round: its one stage is there and back
  std::vector<size_t> reads;      // places in Learners::units(), of values that it reads
  std::vector<size_t> writes;     // of gradients that it writes to
  std::vector<size_t> completes;  // of these, those that no later stage writes to
};

}  // namespace llava::core
