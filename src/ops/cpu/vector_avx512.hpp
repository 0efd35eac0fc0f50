// Sixteen floats. What the kernels are written on; only kernels_avx512.cpp may include this.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace llava::core::cpu {
namespace {

struct Vector {
  using Reg = __m512;
  static constexpr int64_t kWidth = 16;
  static constexpr int kRows = 14;    // of a register tile: 14 x 2 sums, 2 columns, 1 broadcast = 31 of 32 registers
  static constexpr int kDotRows = 4;  // of a tile of dot(): 4 x 4 sums
  static constexpr int kDotColumns = 4;

  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg all(float x) { return _mm512_set1_ps(x); }
  static Reg load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Reg x) { _mm512_storeu_ps(p, x); }
  static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg subtract(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg multiply(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg divide(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  // where a number is missing these give the second operand, so that NaN in x survives maximum(bound, x)
  static Reg maximum(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static Reg minimum(Reg a, Reg b) { return _mm512_min_ps(a, b); }
  static Reg round(Reg x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Reg scale(Reg x, Reg n) { return _mm512_scalef_ps(x, n); }  // x * 2^n

  static Reg widen_bf16(__m256i bits) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static Reg load_bf16(const uint16_t* p) {
    return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  // 2 * kWidth bf16, two in a lane, and the first and the second of each pair
  static Reg load_pairs(const uint16_t* p) { return _mm512_loadu_ps(p); }
  static Reg first(Reg pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16)); }
  static Reg second(Reg pairs) {
    return _mm512_and_ps(pairs, _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static Reg load_f16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }

  // the first `count` < kWidth elements, zero behind them; nothing else is touched
  static __mmask16 mask(int64_t count) { return static_cast<__mmask16>((1u << count) - 1); }
  static Reg load_part(const float* p, int64_t count) { return _mm512_maskz_loadu_ps(mask(count), p); }
  static void store_part(float* p, Reg x, int64_t count) { _mm512_mask_storeu_ps(p, mask(count), x); }
  static Reg load_bf16_part(const uint16_t* p, int64_t count) {
    return widen_bf16(_mm256_maskz_loadu_epi16(mask(count), p));
  }
  static Reg load_f16_part(const uint16_t* p, int64_t count) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask(count), p));
  }

  // x where the lane's number is at least `first`, else `other`
  static Reg keep_from(Reg x, int64_t first, Reg other) {
    const __mmask16 keep = first <= 0 ? 0xffff : first >= 16 ? 0 : static_cast<__mmask16>(0xffffu << first);
    return _mm512_mask_blend_ps(keep, other, x);
  }

  static float sum(Reg x) { return _mm512_reduce_add_ps(x); }
  static float largest(Reg x) { return _mm512_reduce_max_ps(x); }

  static void transpose(Reg r[16]) {
    Reg s[16];
    for (int i = 0; i < 16; i += 2) {
      s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
      s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {  // r[i + c] = columns c, c + 4, c + 8, c + 12 of the rows i .. i + 3
      r[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44);
      r[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xee);
      r[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44);
      r[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      s[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);           // columns i and i + 8 of the rows 0 .. 7
      s[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);       // columns i + 4 and i + 12
      s[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);  // the same of the rows 8 .. 15
      s[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; ++i) {
      r[i] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0x88);
      r[i + 8] = _mm512_shuffle_f32x4(s[i], s[i + 8], 0xdd);
    }
  }

  using Bits = __m512i;
  static Bits load_bits(const void* p) { return _mm512_load_si512(p); }
  static Bits mix(Bits a, Bits b) { return _mm512_xor_si512(a, b); }
  static uint64_t fold(Bits x) { return static_cast<uint64_t>(_mm512_reduce_add_epi64(x)); }
};

using Reg = Vector::Reg;
constexpr int64_t kWidth = Vector::kWidth;

}  // namespace
}  // namespace llava::core::cpu
