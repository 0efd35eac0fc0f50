// Norms, bends, rope, patches and embedding against f64.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/sigmoid.h>

#include "ops/support.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

const std::vector<int64_t> kWidths = {1, 3, 7, 8, 16, 17, 63, 64, 129, 1024};

at::Tensor expected_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const auto wide = x.to(at::kDouble);
  return wide / (wide.square().mean(-1, true) + eps).sqrt() * weight.to(at::kDouble);
}

at::Tensor expected_rope(const at::Tensor& x_LHK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  const int64_t half = x_LHK.size(2) / 2;
  const auto first = x_LHK.slice(2, 0, half).to(at::kDouble), second = x_LHK.slice(2, half).to(at::kDouble);
  const auto cos = cos_LK.slice(1, 0, half).to(at::kDouble).unsqueeze(1);
  const auto sin = sin_LK.slice(1, 0, half).to(at::kDouble).unsqueeze(1);
  return at::cat({first * cos - second * sin, second * cos + first * sin}, 2);
}

std::pair<at::Tensor, at::Tensor> angles(int64_t length, int64_t width) {
  const auto half = at::arange(length).to(at::kFloat).unsqueeze(1) * random({1, width / 2}).abs();
  const auto both = at::cat({half, half}, 1);
  return {both.cos(), both.sin()};
}

}  // namespace

TEST_SUITE("ops/pointwise") {
  TEST_CASE("rms_norm agrees with f64, also for numbers whose squares are large or tiny") {
    with_each_isa([] {
      for (const auto width : kWidths)
        for (const double size : {1e-4, 1.0, 1e4}) {
          const auto x = random({3, 2, width}) * size;
          const auto weight = random({width}, 2);
          CHECK(distance(rms_norm(x, weight, 1e-6), expected_rms_norm(x, weight, 1e-6)) < 1e-6);
        }
    });
  }

  TEST_CASE("layer_norm agrees with f64, also far from zero") {
    with_each_isa([] {
      for (const auto width : kWidths)
        for (const double offset : {0.0, 100.0}) {
          const auto x = random({5, width}) + offset;
          const auto weight = random({width}, 2), bias = random({width}, 3);
          const auto expected =
              at::layer_norm(x.to(at::kDouble), {width}, weight.to(at::kDouble), bias.to(at::kDouble), 1e-5);
          CHECK(distance(layer_norm(x, weight, bias, 1e-5), expected) < (offset == 0 ? 2e-6 : 2e-4));
        }
    });
  }

  TEST_CASE("norms take bf16 parameters, strided rows and empty input") {
    with_each_isa([] {
      const auto x = random({40, 6}).t();
      const auto weight = random({40}).to(at::kBFloat16), bias = random({40}, 2).to(at::kBFloat16);
      CHECK(distance(rms_norm(x, weight, 1e-5), expected_rms_norm(x, weight, 1e-5)) < 1e-6);
      const auto expected = at::layer_norm(x.to(at::kDouble), {40}, weight.to(at::kDouble), bias.to(at::kDouble), 1e-5);
      CHECK(distance(layer_norm(x, weight, bias, 1e-5), expected) < 2e-6);
      CHECK(rms_norm(random({0, 40}), weight, 1e-5).sizes() == at::IntArrayRef({0, 40}));
      CHECK(layer_norm(random({0, 40}), weight, bias, 1e-5).sizes() == at::IntArrayRef({0, 40}));
    });
  }

  TEST_CASE("the bends agree with f64 over their whole range") {
    with_each_isa([] {
      for (const int64_t count : {1, 7, 33, 4097, 200003}) {
        const auto x = random({count}) * 6;
        const auto wide = x.to(at::kDouble);
        CHECK(distance(quick_gelu(x), wide * at::sigmoid(wide * 1.702)) < 5e-7);
        CHECK(distance(llava::core::gelu(x), at::gelu(wide)) < 5e-7);
        CHECK(distance(gelu_tanh(x), at::gelu(wide, "tanh")) < 5e-7);
        const auto up = random({count}, 2);
        CHECK(distance(silu_mul(x.clone(), up), wide * at::sigmoid(wide) * up.to(at::kDouble)) < 5e-7);
      }
    });
  }

  TEST_CASE("the bends keep NaN, fade to zero below and to x above") {
    with_each_isa([] {
      const float infinity = std::numeric_limits<float>::infinity();
      const auto x = at::tensor({-1e30f, -200.f, -88.f, 88.f, 200.f, 1e30f, infinity, std::nanf("")});
      const auto up = at::ones({8});
      for (const auto& y : {quick_gelu(x), silu_mul(x.clone(), up)}) {
        CHECK(y.slice(0, 0, 3).abs().max().item<float>() < 1e-30f);
        CHECK(at::equal(y.slice(0, 3, 7), x.slice(0, 3, 7)));
        CHECK(std::isnan(y[7].item<float>()));
      }
    });
  }

  TEST_CASE("silu_mul and quick_gelu take strided and empty input") {
    with_each_isa([] {
      const auto both = random({5, 34});
      const auto gate = both.slice(1, 0, 17), up = both.slice(1, 17);
      const auto wide = gate.to(at::kDouble);
      const auto expected = wide * at::sigmoid(wide) * up.to(at::kDouble);
      CHECK(distance(silu_mul(gate.contiguous(), up), expected) < 5e-7);
      CHECK(distance(silu_mul(gate, up), expected) < 5e-7);
      CHECK(distance(quick_gelu(up), up.to(at::kDouble) * at::sigmoid(up.to(at::kDouble) * 1.702)) < 5e-7);
      CHECK(quick_gelu(random({0, 4})).numel() == 0);
      CHECK(silu_mul(random({0, 4}), random({0, 4})).numel() == 0);
    });
  }

  TEST_CASE("rope turns queries and keys by the angle of their position") {
    with_each_isa([] {
      for (const int64_t width : {2, 6, 16, 34, 64, 128}) {
        const auto [cos, sin] = angles(5, width);
        auto q = random({5, 4, width}, 2), k = random({5, 2, width}, 3);
        const auto expected_q = expected_rope(q, cos, sin), expected_k = expected_rope(k, cos, sin);
        rope_(q, k, cos, sin);
        CHECK(distance(q, expected_q) < 1e-6);
        CHECK(distance(k, expected_k) < 1e-6);
      }
    });
  }

  TEST_CASE("rope works in place on parts of a fused projection, and on nothing") {
    with_each_isa([] {
      const auto [cos, sin] = angles(3, 8);
      auto fused = random({3, 6, 8});
      const auto before = fused.clone();
      auto q = fused.slice(1, 0, 4), k = fused.slice(1, 4, 5);
      rope_(q, k, cos, sin);
      CHECK(distance(fused.slice(1, 0, 5), expected_rope(before.slice(1, 0, 5), cos, sin)) < 1e-6);
      CHECK(at::equal(fused.slice(1, 5), before.slice(1, 5)));
      auto none_q = random({0, 4, 8}), none_k = random({0, 1, 8});
      rope_(none_q, none_k, cos.slice(0, 0, 0), sin.slice(0, 0, 0));
    });
  }

  TEST_CASE("a linear of the patches is the convolution they stand for") {
    const auto pixels = random({2, 3, 29, 30});
    const auto kernel = random({10, 3, 14, 14}, 2);
    const auto expected = at::conv2d(pixels.to(at::kDouble), kernel.to(at::kDouble), {}, 14);  // [2, 10, 2, 2]
    const auto found = linear(patches(pixels, 14), Weight(kernel.view({10, 3 * 14 * 14})));
    CHECK(distance(found, expected.flatten(2).transpose(1, 2)) < 2e-6);
    CHECK(patches(random({0, 3, 28, 28}), 14).sizes() == at::IntArrayRef({0, 4, 588}));
  }

  TEST_CASE("embedding picks rows and widens them") {
    const auto table = random({9, 5}).to(at::kBFloat16);
    const auto ids = at::tensor({8, 0, 8}, at::kLong);
    CHECK(at::equal(embedding(ids, Weight(table)), table.index_select(0, ids).to(at::kFloat)));
    CHECK(embedding(ids.slice(0, 0, 0), Weight(table)).sizes() == at::IntArrayRef({0, 5}));
  }
}
