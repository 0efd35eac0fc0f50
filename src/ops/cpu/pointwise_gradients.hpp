// Gradients of pointwise.hpp, and the softmax of a row of logits; included by the kernels_*.cpp only, after it.
#pragma once

#include "ops/cpu/pointwise.hpp"

namespace llava::core::cpu {
namespace {

// With s = sigmoid(gate): d gate = d out * up * s * (1 + gate * (1 - s)), d up = d out * gate * s.
void silu_mul_gradient(float* gate, float* up, const float* out_gradient, int64_t count) {
  const Reg one = Vector::all(1.f);
  for_each_vector(count, [=](auto load, auto store, int64_t i) {
    const Reg g = load(gate + i), u = load(up + i), dy = load(out_gradient + i);
    const Reg s = Vector::divide(one, Vector::add(one, exponential(Vector::subtract(Vector::zero(), g))));
    const Reg slope = Vector::multiply(s, Vector::fma(g, Vector::subtract(one, s), one));
    store(gate + i, Vector::multiply(Vector::multiply(dy, u), slope));
    store(up + i, Vector::multiply(dy, Vector::multiply(g, s)));
  });
}

// y = x r w with r = (mean(x^2) + eps)^(-1/2): d x = r (w dy) - x r^3 mean(w dy x), d w = sum over rows of dy x r.
void rms_norm_gradient(float* dx, float* dweight, const float* dy, const float* x, const float* weight, int64_t rows,
                       int64_t width, float eps) {
  if (dweight) for_each_vector(width, [&](auto, auto store, int64_t i) { store(dweight + i, Vector::zero()); });
  for (int64_t row = 0; row < rows; ++row, x += width, dy += width, dx += width) {
    Reg squares = Vector::zero(), products = Vector::zero();
    for_each_vector(width, [&](auto load, auto, int64_t i) {
      const Reg part = load(x + i);
      squares = Vector::fma(part, part, squares);
      products = Vector::fma(part, Vector::multiply(load(dy + i), load(weight + i)), products);
    });
    const float r = 1 / square_root(Vector::sum(squares) / static_cast<float>(width) + eps);
    const Reg scale = Vector::all(r);
    const Reg pull = Vector::all(-r * r * r * Vector::sum(products) / static_cast<float>(width));
    for_each_vector(width, [&](auto load, auto store, int64_t i) {
      const Reg weighted = Vector::multiply(load(dy + i), load(weight + i));
      store(dx + i, Vector::fma(weighted, scale, Vector::fma(load(x + i), pull, load(dx + i))));
    });
    if (dweight)
      for_each_vector(width, [&](auto load, auto store, int64_t i) {
        store(dweight + i, Vector::fma(Vector::multiply(load(dy + i), scale), load(x + i), load(dweight + i)));
      });
  }
}

float exponentials(float* row, int64_t count, float* largest) {
  float top = row[0];
  int64_t i = 0;
  if (count >= kWidth) {
    Reg most = Vector::load(row);
    for (; i + kWidth <= count; i += kWidth) most = Vector::maximum(most, Vector::load(row + i));
    top = Vector::largest(most);
  }
  for (; i < count; ++i) top = row[i] > top || row[i] != row[i] ? row[i] : top;
  *largest = top;
  const Reg shift = Vector::all(-top);
  float sum = 0;
  Reg sums = Vector::zero();
  for (i = 0; i + kWidth <= count; i += kWidth) {
    const Reg e = exponential(Vector::add(Vector::load(row + i), shift));
    Vector::store(row + i, e);
    sums = Vector::add(sums, e);
  }
  if (i < count) {  // lanes beyond the end would count as e^(0 - largest)
    Vector::store_part(row + i, exponential(Vector::add(Vector::load_part(row + i, count - i), shift)), count - i);
    for (int64_t k = i; k < count; ++k) sum += row[k];
  }
  return sum + Vector::sum(sums);
}

void scale(float* row, int64_t count, float factor) {
  const Reg by = Vector::all(factor);
  for_each_vector(count,
                  [=](auto load, auto store, int64_t i) { store(row + i, Vector::multiply(load(row + i), by)); });
}

}  // namespace
}  // namespace llava::core::cpu
