// From tensors to what the kernels take, and how much of it a thread should get.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "ops/check.hpp"
#include "ops/cpu/kernels.hpp"
#include "ops/cpu/parallel.hpp"

namespace llava::core::cpu {

/// What one thread should get at least, some 50 us of work at the speeds of tests/bench/README.md: waking a second one
/// costs some 5 us on an idle machine, and a time slice of milliseconds where another program holds its core.
inline constexpr int64_t kSerialElements = 1 << 16;  // of a norm, an activation, a rotation
inline constexpr int64_t kSerialWeights = 1 << 19;   // read for one row of x, or a few
inline constexpr int64_t kSerialProducts = 1 << 22;  // of matrices of many rows

/// Rows of a tensor whose last dimension is adjacent; `rows` is the dimension that counts them.
inline Matrix matrix_of(const at::Tensor& tensor, int64_t rows) {
  const auto type = tensor.scalar_type();
  require(type == at::kFloat || type == at::kBFloat16 || type == at::kHalf, "a kernel reads f32, bf16 or f16", tensor);
  const auto stored = type == at::kFloat ? Stored::f32 : type == at::kBFloat16 ? Stored::bf16 : Stored::f16;
  return {tensor.const_data_ptr(), tensor.stride(rows), stored};
}

/// work(first, count, width) over the rows of a contiguous tensor's last dimension, shared out among the threads.
template <typename Work>
void for_rows(const at::Tensor& x, Work&& work) {
  const int64_t width = x.size(-1);
  if (x.numel() == 0) return;
  parallel_for(x.numel() / width, std::max<int64_t>(1, kSerialElements / width),
               [&](int64_t first, int64_t last) { work(first, last - first, width); });
}

}  // namespace llava::core::cpu
