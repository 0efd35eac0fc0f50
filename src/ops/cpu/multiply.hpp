// Products with a matrix whose rows are the output columns (y = x W^T), written once over `Vector`; included by the
// kernels_*.cpp only. Two shapes of work:
//
//   dot   few rows of x: memory-bound. A tile of rows x 4 columns runs along the whole depth, every weight is widened
//   to
//         f32 in a register and used for all rows of the tile; lanes are summed at the end.
//   gemm  many rows: a panel of 2 vectors of columns x 256 deep is widened and turned to [depth][columns] in the
//         first-level cache, then a register tile of up to kRows x 2 vectors takes one packed row panel after the
//         other.
//
// Widening is exact, so both give the f32 product of the f32 copies, whatever the weights are stored in.
#pragma once

#include "ops/cpu/kernels.hpp"

namespace llava::core::cpu {
namespace {

constexpr int64_t kPanel = 2 * kWidth;  // columns of a register tile
constexpr int64_t kDepth = 256;         // of a packed panel: 32 KiB with 32 columns
constexpr int64_t kColumnBlock = 256;   // columns whose sums stay in the second-level cache between depth blocks

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct F32 {
  static constexpr bool kPairs = false;
  using Type = float;
  static Reg load(const float* p) { return Vector::load(p); }
  static Reg load_part(const float* p, int64_t count) { return Vector::load_part(p, count); }
};
struct BF16 {
  static constexpr bool kPairs = true;
  using Type = uint16_t;
  static Reg load(const uint16_t* p) { return Vector::load_bf16(p); }
  static Reg load_part(const uint16_t* p, int64_t count) { return Vector::load_bf16_part(p, count); }
};
struct F16 {
  static constexpr bool kPairs = false;
  using Type = uint16_t;
  static Reg load(const uint16_t* p) { return Vector::load_f16(p); }
  static Reg load_part(const uint16_t* p, int64_t count) { return Vector::load_f16_part(p, count); }
};

template <typename Element>
const typename Element::Type* row_of(const Matrix& matrix, int64_t row) {
  return static_cast<const typename Element::Type*>(matrix.data) + row * matrix.stride;
}

template <typename Visitor>
void with_stored(Stored type, Visitor&& visit) {
  switch (type) {
    case Stored::f32:
      return visit(F32{});
    case Stored::bf16:
      return visit(BF16{});
    case Stored::f16:
      return visit(F16{});
  }
}

template <int Value>
struct Constant {
  static constexpr int value = Value;
};

// Calls visit with a constant that equals `value`, 1 <= value <= Most.
template <int Most, typename Visitor>
void with_constant(int64_t value, Visitor&& visit) {
  if constexpr (Most > 1)
    if (value < Most) return with_constant<Most - 1>(value, visit);
  visit(Constant<Most>{});
}

// ---- few rows

template <typename Element, int Rows, int Columns>
void dot_tile(const LinearJob& job, int64_t row, int64_t column) {
  const float* x = job.x + row * job.x_stride;
  const auto* w = row_of<Element>(job.w, column);
  Reg sums[Rows][Columns];
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < Columns; ++c) sums[r][c] = Vector::zero();
  const auto step = [&](auto load_x, auto load_w) {
    Reg from_x[Rows];
    for (int r = 0; r < Rows; ++r) from_x[r] = load_x(x + r * job.x_stride);
    for (int c = 0; c < Columns; ++c) {
      const Reg from_w = load_w(w + c * job.w.stride);
      for (int r = 0; r < Rows; ++r) sums[r][c] = Vector::fma(from_x[r], from_w, sums[r][c]);
    }
  };
  int64_t left = job.in;
  for (; left >= kWidth; left -= kWidth, x += kWidth, w += kWidth)
    step([](const float* p) { return Vector::load(p); }, [](const auto* p) { return Element::load(p); });
  if (left > 0)
    step([&](const float* p) { return Vector::load_part(p, left); },
         [&](const auto* p) { return Element::load_part(p, left); });
  for (int r = 0; r < Rows; ++r)
    for (int c = 0; c < Columns; ++c)
      job.y[(row + r) * job.y_stride + column + c] = Vector::sum(sums[r][c]) + (job.bias ? job.bias[column + c] : 0.f);
}

template <typename Element, int Columns>
void dot_columns(const LinearJob& job, int64_t column) {
  for (int64_t row = 0; row < job.rows; row += Vector::kDotRows)
    with_constant<Vector::kDotRows>(least(Vector::kDotRows, job.rows - row), [&](auto rows) {
      dot_tile<Element, decltype(rows)::value, Columns>(job, row, column);
    });
}

void dot(const LinearJob& job, int64_t first, int64_t last) {
  with_stored(job.w.type, [&](auto element) {
    using Element = decltype(element);
    int64_t column = first;
    for (; column + Vector::kDotColumns <= last; column += Vector::kDotColumns)
      dot_columns<Element, Vector::kDotColumns>(job, column);
    for (; column < last; ++column) dot_columns<Element, 1>(job, column);
  });
}

// ---- many rows

// Row panels as even as they can be: 17 rows are 9 + 8, not 14 + 3.
int64_t panel_rows(int64_t rows) { return ceil_div(rows, ceil_div(rows, Vector::kRows)); }

int64_t pack_blocks(int64_t in) { return ceil_div(in, kDepth); }

// packed: per depth block, per row panel: [depth][rows of the panel]
void pack(float* packed, const float* x, int64_t x_stride, int64_t rows, int64_t in, int64_t block) {
  const int64_t first = block * kDepth, depth = least(kDepth, in - first), most = panel_rows(rows);
  float* out = packed + first * rows;
  for (int64_t row = 0; row < rows; row += most) {
    const int64_t count = least(most, rows - row);
    for (int64_t r = 0; r < count; ++r) {
      const float* from = x + (row + r) * x_stride + first;
      for (int64_t k = 0; k < depth; ++k) out[k * count + r] = from[k];
    }
    out += count * depth;
  }
}

// A [Rows x kPanel] tile of y, from a[k][row] and b[k][column]; added to y unless it is the first.
template <int Rows>
void tile(const float* a, int64_t a_stride, const float* b, int64_t depth, float* y, int64_t y_stride, bool add) {
  Reg sums[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = Vector::zero();
  for (int64_t k = 0; k < depth; ++k, a += a_stride, b += kPanel) {
    const Reg left = Vector::load(b), right = Vector::load(b + kWidth);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const Reg factor = Vector::all(a[r]);
      sums[r][0] = Vector::fma(factor, left, sums[r][0]);
      sums[r][1] = Vector::fma(factor, right, sums[r][1]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r, y += y_stride) {
    Vector::store(y, add ? Vector::add(Vector::load(y), sums[r][0]) : sums[r][0]);
    Vector::store(y + kWidth, add ? Vector::add(Vector::load(y + kWidth), sums[r][1]) : sums[r][1]);
  }
}

void tile_of(int64_t rows, const float* a, int64_t a_stride, const float* b, int64_t depth, float* y, int64_t y_stride,
             bool add) {
  with_constant<Vector::kRows>(
      rows, [&](auto count) { tile<decltype(count)::value>(a, a_stride, b, depth, y, y_stride, add); });
}

// kWidth rows of bf16, 2 * kWidth deep: pairs are turned like f32 and come apart afterwards, half the shuffles.
void turn_pairs(const uint16_t* rows, int64_t stride, float* out) {
  Reg block[kWidth];
#pragma GCC unroll 16
  for (int64_t r = 0; r < kWidth; ++r) block[r] = Vector::load_pairs(rows + r * stride);
  Vector::transpose(block);
#pragma GCC unroll 16
  for (int64_t c = 0; c < kWidth; ++c) {
    Vector::store(out + 2 * c * kPanel, Vector::first(block[c]));
    Vector::store(out + (2 * c + 1) * kPanel, Vector::second(block[c]));
  }
}

// out[k][0 .. kPanel) = rows[0 .. kPanel)[k], widened; rows beyond `count` become zero.
template <typename Element>
void turn(const typename Element::Type* rows, int64_t stride, int64_t count, int64_t depth, float* out) {
  for (int64_t half = 0; half < 2; ++half, out += kWidth, rows += kWidth * stride, count -= kWidth) {
    int64_t k = 0;
    if constexpr (Element::kPairs)
      for (; count >= kWidth && k + 2 * kWidth <= depth; k += 2 * kWidth)
        turn_pairs(rows + k, stride, out + k * kPanel);
    for (; k < depth; k += kWidth) {
      Reg block[kWidth];
      const int64_t some = depth - k;
      for (int64_t r = 0; r < kWidth; ++r)
        block[r] = r >= count       ? Vector::zero()
                   : some >= kWidth ? Element::load(rows + r * stride + k)
                                    : Element::load_part(rows + r * stride + k, some);
      Vector::transpose(block);
      for (int64_t c = 0; c < least(kWidth, some); ++c) Vector::store(out + (k + c) * kPanel, block[c]);
    }
  }
}

// The last panel, when fewer columns are left than it has: by way of a tile of its own.
void tile_part(const LinearJob& job, int64_t rows, const float* a, const float* b, int64_t depth, float* y,
               int64_t columns, bool add) {
  alignas(64) float whole[Vector::kRows * kPanel];
  tile_of(rows, a, rows, b, depth, whole, kPanel, false);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      y[r * job.y_stride + c] = whole[r * kPanel + c] + (add ? y[r * job.y_stride + c] : 0.f);
}

void add_bias(const LinearJob& job, int64_t first, int64_t last) {
  if (!job.bias) return;
  for (int64_t r = 0; r < job.rows; ++r)
    for (int64_t c = first; c < last; ++c) job.y[r * job.y_stride + c] += job.bias[c];
}

template <typename Element>
void gemm_block(const LinearJob& job, int64_t first, int64_t last) {
  alignas(64) float panel[kDepth * kPanel];
  const int64_t most = panel_rows(job.rows);
  for (int64_t k = 0; k < job.in; k += kDepth) {
    const int64_t depth = least(kDepth, job.in - k);
    const bool add = job.add || k > 0;
    for (int64_t column = first; column < last; column += kPanel) {
      const int64_t columns = least(kPanel, last - column);
      turn<Element>(row_of<Element>(job.w, column) + k, job.w.stride, columns, depth, panel);
      const float* a = job.x + k * job.rows;
      for (int64_t row = 0; row < job.rows; row += most) {
        const int64_t rows = least(most, job.rows - row);
        float* y = job.y + row * job.y_stride + column;
        if (columns == kPanel)
          tile_of(rows, a, rows, panel, depth, y, job.y_stride, add);
        else
          tile_part(job, rows, a, panel, depth, y, columns, add);
        a += rows * depth;
      }
    }
  }
  add_bias(job, first, last);
}

void gemm(const LinearJob& job, int64_t first, int64_t last) {
  with_stored(job.w.type, [&](auto element) {
    for (int64_t column = first; column < last; column += kColumnBlock)
      gemm_block<decltype(element)>(job, column, least(column + kColumnBlock, last));
  });
}

}  // namespace
}  // namespace llava::core::cpu
