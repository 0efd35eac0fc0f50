// A block of scratch memory for one call. The last block given back is kept for the next call: memory of this size goes
// back to the system when it is freed, and its pages would have to be found anew each time (measured: up to half of the
// time of a product of 512 rows where the system is slow to give them).
#pragma once

#include <cstdint>

namespace llava::core::cpu {

class Scratch {
 public:
  static constexpr int64_t kFloats = int64_t{1} << 20;  // 4 MiB

  /// Takes the kept block, or a new one while another call has it. Throws Error(out_of_memory).
  Scratch();
  /// Keeps the block unless another was given back meanwhile: at most one, 4 MiB, stays for the life of the process.
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  float* floats() const { return floats_; }  // 64-byte aligned

 private:
  float* floats_;
};

}  // namespace llava::core::cpu
