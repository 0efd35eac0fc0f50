// f32 numbers kept in two halves, of which one is what products read: nothing is stored twice, and nothing is lost.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llava::core {

/// Of the bits (hi, lo) of each number, two of 16: the weight is hi + (lo >> 15), which read as bf16 is the number
/// rounded to the nearest (halves away from zero), and the remainder is lo. Back: hi = weight - (lo >> 15). Both sums are
/// modulo 2^16, so every pattern of 32 bits comes back as it was. As a bf16 number the weight is the rounded one for all
/// that is finite (infinite where rounding to nearest is) and for both infinities; of what is no number it may be
/// anything, so that such numbers are to be found before they are split.
struct SplitMaster {
  at::Tensor weights;     // bf16, flat
  at::Tensor remainders;  // int16, as many

  int64_t count() const { return weights.numel(); }
  SplitMaster narrow(int64_t begin, int64_t length) const {
    return {weights.narrow(0, begin, length), remainders.narrow(0, begin, length)};
  }
};

/// Writes f32 `values`, as many, into both halves; back again into f32 `values`. All lie on one device, flat and contiguous.
void split(const at::Tensor& values, const SplitMaster& halves);
void join(const SplitMaster& halves, at::Tensor values);

}  // namespace llava::core
