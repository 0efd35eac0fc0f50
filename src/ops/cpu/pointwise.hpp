// Norms, bends and rotations of f32 rows, written once over `Vector`; included by the kernels_*.cpp only.
#pragma once

#include "ops/cpu/kernels.hpp"

namespace llava::core::cpu {
namespace {

// e^x: x = n ln 2 + r, e^r by its series to r^7 (|r| <= 0.35: below 1e-8), times 2^n. Zero below -104, infinite above
// 89, NaN stays.
Reg exponential(Reg x) {
  x = Vector::minimum(Vector::all(90.f), Vector::maximum(Vector::all(-104.f), x));
  const Reg n = Vector::round(Vector::multiply(x, Vector::all(1.44269504f)));
  Reg r = Vector::fma(n, Vector::all(-0.693359375f), x);  // ln 2 in two parts: the first has few bits
  r = Vector::fma(n, Vector::all(2.12194440e-4f), r);
  constexpr float kTerms[] = {1.f / 720, 1.f / 120, 1.f / 24, 1.f / 6, 1.f / 2, 1.f, 1.f};
  Reg sum = Vector::all(1.f / 5040);
  for (const float term : kTerms) sum = Vector::fma(sum, r, Vector::all(term));
  return Vector::scale(sum, n);
}

// x * sigmoid(rate * x)
Reg swish(Reg x, float rate) {
  const Reg below = Vector::add(Vector::all(1.f), exponential(Vector::multiply(x, Vector::all(-rate))));
  return Vector::divide(x, below);
}

// body(load, store, i) for every vector of 0 .. count; the last one in part
template <typename Body>
void for_each_vector(int64_t count, Body&& body) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth)
    body([](const float* p) { return Vector::load(p); }, [](float* p, Reg x) { Vector::store(p, x); }, i);
  if (i < count)
    body([=](const float* p) { return Vector::load_part(p, count - i); },
         [=](float* p, Reg x) { Vector::store_part(p, x, count - i); }, i);
}

void quick_gelu(float* out, const float* x, int64_t count) {
  for_each_vector(count, [=](auto load, auto store, int64_t i) { store(out + i, swish(load(x + i), 1.702f)); });
}

void silu_mul(float* out, const float* gate, const float* up, int64_t count) {
  for_each_vector(count, [=](auto load, auto store, int64_t i) {
    store(out + i, Vector::multiply(swish(load(gate + i), 1.f), load(up + i)));
  });
}

float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

void rms_norm(float* out, const float* x, const float* weight, int64_t rows, int64_t width, float eps) {
  for (int64_t row = 0; row < rows; ++row, x += width, out += width) {
    Reg squares = Vector::zero();
    for_each_vector(width, [&](auto load, auto, int64_t i) {
      const Reg part = load(x + i);
      squares = Vector::fma(part, part, squares);
    });
    const Reg scale = Vector::all(1 / square_root(Vector::sum(squares) / static_cast<float>(width) + eps));
    for_each_vector(width, [&](auto load, auto store, int64_t i) {
      store(out + i, Vector::multiply(Vector::multiply(load(x + i), scale), load(weight + i)));
    });
  }
}

// (first, second) halves of a head turn to (first cos - second sin, second cos + first sin)
void rope(float* x, int64_t heads, int64_t stride, int64_t width, const float* cos, const float* sin) {
  const int64_t half = width / 2;
  for (int64_t head = 0; head < heads; ++head, x += stride)
    for_each_vector(half, [&](auto load, auto store, int64_t i) {
      const Reg first = load(x + i), second = load(x + half + i);
      store(x + i, Vector::subtract(Vector::multiply(first, load(cos + i)), Vector::multiply(second, load(sin + i))));
      store(x + half + i, Vector::fma(second, load(cos + half + i), Vector::multiply(first, load(sin + half + i))));
    });
}

uint64_t read(const void* data, size_t bytes) {
  constexpr size_t kBytes = sizeof(Vector::Bits);
  const char* p = static_cast<const char*>(data);
  Vector::Bits seen[4] = {};
  for (const char* end = p + bytes; p < end; p += 4 * kBytes)
    for (int i = 0; i < 4; ++i) seen[i] = Vector::mix(seen[i], Vector::load_bits(p + i * kBytes));
  return Vector::fold(Vector::mix(Vector::mix(seen[0], seen[1]), Vector::mix(seen[2], seen[3])));
}

}  // namespace
}  // namespace llava::core::cpu
