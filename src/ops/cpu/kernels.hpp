// The CPU kernels as one table of functions per instruction set. The files *_avx2.cpp and *_avx512.cpp are compiled
// with flags other files must not see, so they exchange only pointers and sizes with the rest, include no LibTorch and
// no standard C++ header, and keep everything but their table in an anonymous namespace: no inline function compiled
// for AVX-512 may be the one the linker picks for a CPU without it.
//
// Threads are the business of the callers (ops/*.cpp): a kernel runs on one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llava::core::cpu {

enum class Stored { f32, bf16, f16 };

/// A matrix as it lies in memory; `stride` counts elements from row to row.
struct Matrix {
  const void* data;
  int64_t stride;
  Stored type;
};

/// y[r][n] = sum over k of x[r][k] * w[n][k], plus bias[n], plus what y held before if `add`.
struct LinearJob {
  const float* x;    // dot: [rows, in], x_stride apart; gemm: as pack() left it
  int64_t x_stride;  // elements
  int64_t rows;
  int64_t in;
  Matrix w;           // [out, in]
  const float* bias;  // [out], or null
  float* y;           // [rows, out]
  int64_t y_stride;
  bool add;  // gemm only
};

/// Flash attention of one head, queries in the lanes of a vector. All strides count elements.
struct AttentionJob {
  const float* q;  // [queries, width]
  int64_t q_stride;
  Matrix k, v;  // [keys, width]
  float* out;   // [queries, width]
  int64_t out_stride;
  int64_t queries, keys, width;
  int64_t past;    // query i sees the keys 0 .. past + i ...
  bool causal;     // ... or all of them
  int64_t window;  // causal: and only the last so many of those; 0 = no bound
  float scale;
};

/// One new token: `rows` query heads that share the keys and values of a group.
struct DecodeJob {
  const float* q;  // [rows, width], adjacent
  int64_t rows;
  Matrix k, v;  // [keys, width]
  int64_t keys, width;
  float scale;
  float* scores;  // scratch [rows, keys]
  float* out;     // [rows, width], adjacent
};

struct Kernels {
  /// Columns [first, last) of a job with few rows: every weight is read once, widened in a register and used at once.
  void (*dot)(const LinearJob& job, int64_t first, int64_t last);

  /// Columns [first, last) of a job with many rows, x packed. The weights are widened into a panel that stays in the
  /// first-level cache (32 KiB of stack).
  void (*gemm)(const LinearJob& job, int64_t first, int64_t last);

  /// Rearranges the part of x that belongs to block `block` of pack_blocks(in): what gemm() reads. `packed` holds
  /// rows * in floats and is shared by all blocks.
  void (*pack)(float* packed, const float* x, int64_t x_stride, int64_t rows, int64_t in, int64_t block);
  int64_t (*pack_blocks)(int64_t in);
  int64_t pack_depth;  // of a block: where x is cut between two jobs of one product
  int64_t dot_rows;    // up to so many rows dot() was measured to be ahead of gemm()
  int64_t panel;       // columns that gemm() works on at a time: `first` should be a multiple

  void (*attention)(const AttentionJob& job, float* scratch);
  /// Floats of scratch that attention() needs for a head of `width`; 64-byte aligned.
  int64_t (*attention_scratch)(int64_t width);
  int64_t attention_queries;  // the most queries of one job

  void (*decode)(const DecodeJob& job);

  void (*quick_gelu)(float* out, const float* x, int64_t count);
  void (*silu_mul)(float* out, const float* gate, const float* up, int64_t count);  // out may be gate
  void (*rms_norm)(float* out, const float* x, const float* weight, int64_t rows, int64_t width, float eps);

  // what the inputs of the above get back
  /// gate and up [count] become their gradients.
  void (*silu_mul_gradient)(float* gate, float* up, const float* out_gradient, int64_t count);
  /// `rows` rows: dx += its gradient; dweight [width] receives the sum over these rows, unless it is null.
  void (*rms_norm_gradient)(float* dx, float* dweight, const float* dy, const float* x, const float* weight,
                            int64_t rows, int64_t width, float eps);
  /// row becomes e^(row - largest); returns the sum of that and, in `largest`, the largest.
  float (*exponentials)(float* row, int64_t count, float* largest);
  void (*scale)(float* row, int64_t count, float factor);

  /// `heads` heads of one position, `stride` elements apart.
  void (*rope)(float* x, int64_t heads, int64_t stride, int64_t width, const float* cos, const float* sin);

  /// Reads everything once and returns a number that depends on it: the stream of bandwidth.hpp. `bytes` is a multiple
  /// of 256, `data` 64-byte aligned.
  uint64_t (*read)(const void* data, size_t bytes);
};

const Kernels& kernels_avx2();
const Kernels& kernels_avx512();

/// The table of chosen_isa(), or null for Isa::reference.
const Kernels* kernels();

}  // namespace llava::core::cpu
