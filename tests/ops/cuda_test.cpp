// The ops on a card: ATen's kernels and the hand-written ones against the CPU in f64. Without a card each case says so
// and passes.
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>

#include "ops/cuda/launch.hpp"
#include "ops/support.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

// check(dtype, tolerance) for every element type, with the hand-written kernels off and on; nothing without a card
template <typename Check>
void on_card(Check&& check) {
  if (cuda::device_count() == 0) {
    MESSAGE("no CUDA device: not run");
    return;
  }
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
}
