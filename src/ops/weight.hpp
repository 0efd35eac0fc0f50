// A matrix of the model as the checkpoint stores it. linear() and embedding() read it where it lies, usually in a
// mapped file, so that no second copy of a weight ever exists in another type or layout.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace llava::core {

class Weight {
 public:
  Weight() = default;  // not defined(): an absent matrix

  /// `stored` is [rows, columns] = [out, in], f32, bf16 or f16, the elements of a row adjacent (rows may be further
  /// apart). It is kept, not copied. Throws Error(internal) for anything else.
  explicit Weight(at::Tensor stored);

  bool defined() const { return stored_.defined(); }
  int64_t rows() const { return stored_.size(0); }
  int64_t columns() const { return stored_.size(1); }
  at::ScalarType dtype() const { return stored_.scalar_type(); }
  const at::Tensor& stored() const { return stored_; }

 private:
  at::Tensor stored_;
};

}  // namespace llava::core
