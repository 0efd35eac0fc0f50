// The ops on a card: ATen's kernels and the hand-written ones against the CPU in f64. Without a card each case says so
// and passes.
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>

#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>

#include "ops/cuda/launch.hpp"
#include "ops/device.hpp"
#include "ops/gradient_reference.hpp"
#include "ops/support.hpp"
#include "support/card.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

// check(dtype, tolerance) for every element type, with the hand-written kernels off and on; nothing without a card
template <typename Check>
void on_card(Check&& check) {
  if (!has_card()) return;
  for (const bool kernels : {false, true}) {
    CAPTURE(kernels);
    const cuda::ForcedKernels forced(kernels);
    check(at::kFloat, 2e-5);  // TF32 is off; sums differ in order
    check(at::kHalf, 4e-3);   // a few units of 2^-10
    check(at::kBFloat16, 3e-2);
  }
}

at::Tensor on(const at::Tensor& x, at::ScalarType type) { return x.to(at::Device(at::kCUDA, 0), type); }
at::Tensor back(const at::Tensor& x) { return x.to(at::kCPU, at::kFloat); }

}  // namespace

TEST_SUITE("ops/cuda") {
  TEST_CASE("rms_norm, silu_mul and layer_norm on a card agree with the CPU") {
    on_card([](at::ScalarType type, double tolerance) {
      for (const int64_t width : {1, 7, 129, 4096}) {
        const auto x = on(random({5, width}), type), up = on(random({5, width}, 2), type);
        const auto weight = on(random({width}, 3), type), bias = on(random({width}, 4), type);
        CHECK(distance(rms_norm(x, weight, 1e-5), rms_norm_reference(back(x), back(weight), 1e-5)) < tolerance);
        CHECK(distance(silu_mul(x.clone(), up), at::silu(back(x)) * back(up)) < tolerance);
        CHECK(distance(layer_norm(x, weight, bias, 1e-5), layer_norm(back(x), back(weight), back(bias), 1e-5)) <
              tolerance);
        CHECK(distance(quick_gelu(x), quick_gelu_reference(back(x))) < tolerance);
      }
    });
  }

  TEST_CASE("rope on a card turns parts of a fused projection in place") {
    on_card([](at::ScalarType type, double tolerance) {
      const auto half = random({9, 16}) * 3, both = at::cat({half, half}, 1);
      const auto fused = on(random({9, 6, 32}, 2), type);
      auto expected_q = back(fused).slice(1, 0, 4).contiguous(), expected_k = back(fused).slice(1, 4, 5).contiguous();
      rope_reference_(expected_q, expected_k, both.cos(), both.sin());
      auto q = fused.slice(1, 0, 4), k = fused.slice(1, 4, 5);
      rope_(q, k, on(both.cos(), at::kFloat), on(both.sin(), at::kFloat));
      CHECK(distance(q, expected_q) < tolerance);
      CHECK(distance(k, expected_k) < tolerance);
    });
  }

  TEST_CASE("linear, embedding and attention on a card agree with the CPU") {
    on_card([](at::ScalarType type, double tolerance) {
      const auto x = on(random({6, 64}), type), matrix = on(random({33, 64}, 2) * 0.1, type);
      CHECK(distance(linear(x, Weight(matrix)), linear_reference(back(x), Weight(back(matrix)), {})) < tolerance);
      const auto picked = embedding(at::tensor({3, 0}, at::kLong).to(at::kCUDA), Weight(matrix));
      CHECK(at::equal(back(picked), back(matrix.index_select(0, at::tensor({3, 0}, at::kLong).to(at::kCUDA)))));
      CHECK((picked.scalar_type() == type));
      for (const int64_t past : {0, 13})
        for (const int64_t queries : {1, 17}) {
          const auto q = on(random({queries, 4, 32}, 3), type);
          const auto k = on(random({past + queries, 2, 32}, 4), type), v = on(random({past + queries, 2, 32}, 5), type);
          CHECK(distance(attention(q, k, v, past, true, 0.2), attention(back(q), back(k), back(v), past, true, 0.2)) <
                tolerance);
        }
    });
  }

  TEST_CASE("gradients on a card agree with the CPU's") {
    on_card([](at::ScalarType type, double tolerance) {
      const auto x = on(random({70, 64}) * 0.5, type), dy = on(random({70, 33}, 2) * 0.2, type);
      const auto matrix = on(random({33, 64}, 3) * 0.2, type), drows = on(random({70, 64}, 4), type);
      const auto vector = on(random({64}, 5), type);
      const auto flat = [](at::IntArrayRef shape) { return at::zeros(shape, at::TensorOptions(at::kCUDA)); };
      auto dweight = flat({33, 64}), dbias = flat({33}), expected = at::zeros({33, 64}), bias = at::zeros({33});
      linear_weight_gradient(dweight, dy, x), bias_gradient(dbias, dy);
      linear_weight_gradient(expected, back(dy), back(x)), bias_gradient(bias, back(dy));
      CHECK(distance(dweight, expected) < tolerance);
      CHECK(distance(dbias, bias) < tolerance);
      CHECK(distance(linear_input_gradient(dy, Weight(matrix)), linear_input_gradient(back(dy), Weight(back(matrix)))) <
            tolerance);
      auto dx = drows.clone(), own = back(drows), dnorm = flat({64}), own_dnorm = at::zeros({64});
      add_rms_norm_gradient(dx, dnorm, drows, x, vector, 1e-5);
      add_rms_norm_gradient(own, own_dnorm, back(drows), back(x), back(vector), 1e-5);
      CHECK(distance(dx, own) < tolerance);
      CHECK(distance(dnorm, own_dnorm) < tolerance);
      const auto ids = at::randint(0, 9, {70}, at::TensorOptions(at::kLong));
      auto dtable = flat({9, 64}), own_dtable = at::zeros({9, 64});
      add_embedding_gradient(dtable, ids.to(at::kCUDA), drows), add_embedding_gradient(own_dtable, ids, back(drows));
      CHECK(distance(dtable, own_dtable) < tolerance);
      CHECK(keyed_dropout(back(x), 0.25, 77, 5).ne(0).equal(keyed_dropout(x, 0.25, 77, 5).ne(0).to(at::kCPU)));
      const auto targets = at::randint(0, 33, {70}, at::TensorOptions(at::kLong)), weights = at::full({70}, 0.01);
      auto dhead = flat({33, 64}), own_dhead = at::zeros({33, 64});
      const auto found = cross_entropy(x, Weight(matrix), targets.to(at::kCUDA), weights.to(at::kCUDA), dhead);
      const auto wanted = cross_entropy(back(x), Weight(back(matrix)), targets, weights, own_dhead);
      CHECK(double{found.loss} == doctest::Approx(double{wanted.loss}).epsilon(tolerance));
      CHECK(distance(found.dhidden_RD, wanted.dhidden_RD) < tolerance);
      CHECK(distance(dhead, own_dhead) < tolerance);
    });
  }

  TEST_CASE("attention and its gradient on a card agree with the CPU's") {
    on_card([](at::ScalarType type, double tolerance) {
      for (const int64_t groups : {2, 4})
        for (const int64_t window : {0, 9}) {
          const auto q = on(random({70, 4, 32}), type), dout = on(random({70, 4, 32}, 4), type);
          const auto k = on(random({70, groups, 32}, 2), type), v = on(random({70, groups, 32}, 3), type);
          const auto pass = attention_forward(q, k, v, 0.2, window);
          const auto own = attention_forward(back(q), back(k), back(v), 0.2, window);
          CHECK(distance(pass.out_LHK, own.out_LHK) < tolerance);
          const auto found = attention_gradient(pass, dout, 0.2, window);
          const auto wanted = attention_gradient(own, back(dout), 0.2, window);
          CHECK(distance(found.dq_LHK, wanted.dq_LHK) < 2 * tolerance);
          CHECK(distance(found.dk_LGK, wanted.dk_LGK) < 2 * tolerance);
          CHECK(distance(found.dv_LGK, wanted.dv_LGK) < 2 * tolerance);
        }
      const auto q = on(random({2, 50, 3, 16}), type), dout = on(random({2, 50, 3, 16}, 2), type);
      const auto pass = pictures_attention_forward(q, q, q, 0.25),
                 own = pictures_attention_forward(back(q), back(q), back(q), 0.25);
      const auto found = pictures_attention_gradient(pass, dout, 0.25),
                 wanted = pictures_attention_gradient(own, back(dout), 0.25);
      CHECK(distance(pass.out_NPHK, own.out_NPHK) < tolerance);
      CHECK(distance(found.dk_NPHK, wanted.dk_NPHK) < 2 * tolerance);
    });
  }

  TEST_CASE("AdamW and sums of squares on a card agree with the CPU's") {
    if (!has_card()) return;
    const int64_t count = 3 * kNormBlock + 5;
    auto own = random({count}), first = at::zeros({count}), second = at::zeros({count});
    auto values = own.to(at::kCUDA), card_first = first.to(at::kCUDA), card_second = second.to(at::kCUDA);
    for (int64_t step = 1; step <= 3; ++step) {
      const auto gradient = random({count}, static_cast<uint64_t>(step) + 10);
      adamw_(own, gradient, first, second, step, {1e-2, 0.9, 0.98, 1e-8, 0.1});
      adamw_(values, gradient.to(at::kCUDA), card_first, card_second, step, {1e-2, 0.9, 0.98, 1e-8, 0.1});
    }
    CHECK(distance(values, own) < 1e-6);
    CHECK(sum_of_squares(values) == doctest::Approx(sum_of_squares(own)).epsilon(1e-6));
    CHECK(copied_to(c10::Device(c10::kCUDA, 0), own).to(at::kCPU).equal(own));
  }
}
