// A frozen matrix in four bits a number, as QLoRA keeps the base it trains beside (Dettmers et al. 2023): NormalFloat4,
// blocks of 64 numbers with one scale, and the scales themselves in eight bits. It is widened where it is read; there is
// no product on four-bit numbers, so it saves memory and no time. (On the CPU the matrix it was made of usually stays
// mapped: pages that the system may drop, and that nobody reads again.)
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace llava::core {

class Nf4Matrix {
 public:
  /// `matrix` is [out, in] of f32, bf16 or f16 without infinities or NaN. Numbers are taken row after row, blocks go over
  /// the ends of rows. Throws Error(argument) for a number that is none.
  /// Source of the tables: bitsandbytes 0.45, functional.py (get_4bit_type, create_dynamic_map, quantize_4bit with
  /// compress_statistics).
  explicit Nf4Matrix(const at::Tensor& matrix);

  /// All of it, f32 [out, in]: four bytes a number for as long as the result lives.
  at::Tensor widened() const;

  int64_t size_bytes() const {
    return static_cast<int64_t>(codes_.size() + scales_.size() + 4 * group_scales_.size() + 4);
  }

 private:
  float scale_of(int64_t block) const;

  int64_t rows_, columns_;
  std::vector<uint8_t> codes_;       // two a byte, the first in the low half
  std::vector<uint8_t> scales_;      // of each block, places in a table of 256
  std::vector<float> group_scales_;  // of 256 blocks
  float mean_scale_ = 0;
};

}  // namespace llava::core
