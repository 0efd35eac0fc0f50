// Eight floats. What the kernels are written on; only kernels_avx2.cpp may include this.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace llava::core::cpu {
namespace {

struct Vector {
  using Reg = __m256;
  static constexpr int64_t kWidth = 8;
  static constexpr int kRows = 6;     // of a register tile: 6 x 2 sums, 2 columns, 1 broadcast = 15 of 16 registers
  static constexpr int kDotRows = 2;  // of a tile of dot(): 2 x 4 sums
  static constexpr int kDotColumns = 4;

  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg all(float x) { return _mm256_set1_ps(x); }
  static Reg load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Reg x) { _mm256_storeu_ps(p, x); }
  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg subtract(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg multiply(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg divide(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  // where a number is missing these give the second operand, so that NaN in x survives maximum(bound, x)
  static Reg maximum(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg minimum(Reg a, Reg b) { return _mm256_min_ps(a, b); }
  static Reg round(Reg x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

  // x * 2^n for whole n within +-200, in two steps so that the result may be subnormal or infinite
  static Reg scale(Reg x, Reg n) {
    const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    const __m256i bias = _mm256_set1_epi32(127);
    const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
  }

  static Reg load_bf16(const uint16_t* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  // 2 * kWidth bf16, two in a lane, and the first and the second of each pair
  static Reg load_pairs(const uint16_t* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
  static Reg first(Reg pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16)); }
  static Reg second(Reg pairs) {
    return _mm256_and_ps(pairs, _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static Reg load_f16(const uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }

  // the first `count` < kWidth elements, zero behind them; nothing else is touched
  static __m256i mask(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Reg load_part(const float* p, int64_t count) { return _mm256_maskload_ps(p, mask(count)); }
  static void store_part(float* p, Reg x, int64_t count) { _mm256_maskstore_ps(p, mask(count), x); }
  static Reg load_bf16_part(const uint16_t* p, int64_t count) {
    alignas(16) uint16_t copy[8] = {};
    for (int64_t i = 0; i < count; ++i) copy[i] = p[i];
    return load_bf16(copy);
  }
  static Reg load_f16_part(const uint16_t* p, int64_t count) {
    alignas(16) uint16_t copy[8] = {};
    for (int64_t i = 0; i < count; ++i) copy[i] = p[i];
    return load_f16(copy);
  }

  // x where the lane's number is at least `first`, else `other`
  static Reg keep_from(Reg x, int64_t first, Reg other) {
    const __m256i keep =
        _mm256_cmpgt_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(static_cast<int>(first) - 1));
    return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(keep));
  }

  static float sum(Reg x) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  static float largest(Reg x) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }

  static void transpose(Reg r[8]) {
    Reg s[8];
    for (int i = 0; i < 8; i += 2) {
      s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {  // r[i + c] = column c of the rows i .. i + 3, both halves
      r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
      r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
      r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
      r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      s[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
      s[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    for (int i = 0; i < 8; ++i) r[i] = s[i];
  }

  using Bits = __m256i;
  static Bits load_bits(const void* p) { return _mm256_load_si256(static_cast<const __m256i*>(p)); }
  static Bits mix(Bits a, Bits b) { return _mm256_xor_si256(a, b); }
  static uint64_t fold(Bits x) {
    const __m128i half = _mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return static_cast<uint64_t>(_mm_extract_epi64(half, 0)) ^ static_cast<uint64_t>(_mm_extract_epi64(half, 1));
  }
};

using Reg = Vector::Reg;
constexpr int64_t kWidth = Vector::kWidth;

}  // namespace
}  // namespace llava::core::cpu
