// Every gradient against autograd of the same formula in f64, with each instruction set; cross-entropy, AdamW and the norm.
#include "ops/gradients.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "ops/support.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

const std::vector<int64_t> kWidths = {1, 3, 7, 8, 16, 17, 63, 160};

at::Tensor leaf(const at::Tensor& x) { return x.to(at::kDouble).detach().clone().set_requires_grad(true); }

at::Tensor rms(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return x / (x.square().mean(-1, true) + eps).sqrt() * weight;
}

at::Tensor rotated(const at::Tensor& x_LHK, const at::Tensor& cos_LK, const at::Tensor& sin_LK) {
  const int64_t half = x_LHK.size(2) / 2;
  const auto turned = at::cat({-x_LHK.slice(2, half), x_LHK.slice(2, 0, half)}, 2);
  return x_LHK * cos_LK.unsqueeze(1) + turned * sin_LK.unsqueeze(1);
}

/// Softmax attention as it is defined, [L, H, K].
at::Tensor attended(const at::Tensor& q_LHK, const at::Tensor& k_LGK, const at::Tensor& v_LGK, double scale,
                    int64_t window) {
  const int64_t length = q_LHK.size(0), group = q_LHK.size(1) / k_LGK.size(1);
  const auto k = k_LGK.repeat_interleave(group, 1).permute({1, 2, 0}), v = v_LGK.repeat_interleave(group, 1);
  const auto position = at::arange(length);
  const auto back = position.unsqueeze(1) - position.unsqueeze(0);
  auto hidden = back.lt(0);
  if (window > 0) hidden = hidden.logical_or(back.ge(window));
  const auto scores = at::matmul(q_LHK.transpose(0, 1), k) * scale;
  const auto shares = at::softmax(scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
  return at::matmul(shares, v.transpose(0, 1)).transpose(0, 1);
}

}  // namespace

TEST_SUITE("ops/gradients") {
  TEST_CASE("linear: input, weight, bias; weights in bf16 and f16; a sum to add to") {
    with_each_isa([] {
      for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf}) {
        const auto stored = random({19, 33}, 2).to(type);
        const auto x = leaf(random({4, 5, 33})), weight = leaf(stored), bias = leaf(random({19}, 3));
        const auto dy = random({4, 5, 19}, 4);
        (at::matmul(x, weight.t()) + bias).backward(dy.to(at::kDouble));
        CHECK(distance(linear_input_gradient(dy, Weight(stored)), x.grad()) < 1e-6);
        auto sum = random({4, 5, 33}, 5);
        const auto before = sum.clone();
        linear_input_gradient(dy, Weight(stored), sum);
        CHECK(distance(sum - before, x.grad()) < 2e-6);
        auto dweight = at::full({19, 33}, 7.0), dbias = at::full({19}, 7.0);
        linear_weight_gradient(dweight, dy, x.detach().to(at::kFloat));
        bias_gradient(dbias, dy);
        CHECK(distance(dweight, weight.grad()) < 1e-6);
        CHECK(distance(dbias, bias.grad()) < 1e-6);
      }
    });
  }

  TEST_CASE("no rows give a weight gradient of zeros") {
    auto dweight = at::full({3, 4}, 7.0), dbias = at::full({3}, 7.0);
    linear_weight_gradient(dweight, at::zeros({0, 3}), at::zeros({0, 4}));
    bias_gradient(dbias, at::zeros({0, 3}));
    CHECK(dweight.abs().max().item<float>() == 0);
    CHECK(dbias.abs().max().item<float>() == 0);
  }

  TEST_CASE("rms_norm: added to what the residual has, the weight's over blocks of rows") {
    with_each_isa([] {
      for (const auto width : kWidths)
        for (const int64_t rows : {1, 3, 64, 200}) {
          const auto x = leaf(random({rows, width})), weight = leaf(random({width}, 2));
          const auto dy = random({rows, width}, 3), residual = random({rows, width}, 4);
          rms(x, weight, 1e-5).backward(dy.to(at::kDouble));
          auto dx = residual.clone(), dweight = at::full({width}, 7.0);
          const auto x32 = x.detach().to(at::kFloat), weight32 = weight.detach().to(at::kFloat);
          add_rms_norm_gradient(dx, dweight, dy, x32, weight32, 1e-5);
          CHECK(distance(dx - residual, x.grad()) < 2e-6);
          CHECK(distance(dweight, weight.grad()) < 2e-6);
          dx = residual.clone();
          add_rms_norm_gradient(dx, {}, dy, x32, weight32, 1e-5);
          CHECK(distance(dx - residual, x.grad()) < 2e-6);
        }
    });
  }

  TEST_CASE("layer_norm: added to what the residual has, weight and bias over blocks of rows") {
    for (const auto width : kWidths)
      for (const int64_t rows : {1, 3, 64, 200}) {
        const auto x = leaf(random({2, rows, width}) + 0.5), weight = leaf(random({width}, 2)),
                   bias = leaf(random({width}, 5));
        const auto dy = random({2, rows, width}, 3), residual = random({2, rows, width}, 4);
        const auto centred = x - x.mean(-1, true);
        (centred / (centred.square().mean(-1, true) + 1e-5).sqrt() * weight + bias).backward(dy.to(at::kDouble));
        auto dx = residual.clone(), dweight = at::full({width}, 7.0), dbias = at::full({width}, 7.0);
        const auto x32 = x.detach().to(at::kFloat), weight32 = weight.detach().to(at::kFloat);
        add_layer_norm_gradient(dx, dweight, dbias, dy, x32, weight32, 1e-5);
        CHECK(distance(dx - residual, x.grad()) < 2e-6);
        CHECK(distance(dweight, weight.grad()) < 2e-6);
        CHECK(distance(dbias, bias.grad()) < 2e-6);
        dx = residual.clone();
        add_layer_norm_gradient(dx, {}, {}, dy, x32, weight32, 1e-5);
        CHECK(distance(dx - residual, x.grad()) < 2e-6);
      }
  }

  TEST_CASE("layer_norm against finite differences") {
    const int64_t width = 9;
    const auto x = random({3, width}), weight = random({width}, 2), dy = random({3, width}, 3);
    auto dx = at::zeros({3, width}), dweight = at::zeros({width}), dbias = at::zeros({width});
    add_layer_norm_gradient(dx, dweight, dbias, dy, x, weight, 1e-5);
    const auto value = [&](const at::Tensor& at_x, const at::Tensor& at_weight) {
      const auto centred = at_x - at_x.mean(-1, true);
      const auto normal = centred / (centred.square().mean(-1, true) + 1e-5).sqrt();
      return (normal * at_weight * dy.to(at::kDouble)).sum().item<double>();
    };
    const double little = 1e-5;
    const auto x64 = x.to(at::kDouble), weight64 = weight.to(at::kDouble);
    for (int64_t i = 0; i < width; ++i) {
      const auto moved = [&](const at::Tensor& from, double by) {
        auto copy = from.clone();
        copy.view({-1})[i] += by;
        return copy;
      };
      const double slope = (value(moved(x64, little), weight64) - value(moved(x64, -little), weight64)) / (2 * little);
      CHECK(dx.view({-1})[i].item<double>() == doctest::Approx(slope).epsilon(1e-5));
      const double by_weight =
          (value(x64, moved(weight64, little)) - value(x64, moved(weight64, -little))) / (2 * little);
      CHECK(dweight[i].item<double>() == doctest::Approx(by_weight).epsilon(1e-5));
    }
  }

  TEST_CASE("silu_mul, and the activations of tower and projector") {
    with_each_isa([] {
      for (const auto width : kWidths) {
        const auto gate = leaf(random({3, width}) * 3), up = leaf(random({3, width}, 2));
        const auto dy = random({3, width}, 3);
        (gate * at::sigmoid(gate) * up).backward(dy.to(at::kDouble));
        auto dgate = gate.detach().to(at::kFloat), dup = up.detach().to(at::kFloat);
        silu_mul_gradient_(dgate, dup, dy);
        CHECK(distance(dgate, gate.grad()) < 1e-6);
        CHECK(distance(dup, up.grad()) < 1e-6);
      }
    });
    const auto dy = random({50}, 3);
    const auto compare = [&](auto&& formula, auto&& gradient) {
      const auto x = leaf(random({50}) * 3);
      formula(x).backward(dy.to(at::kDouble));
      CHECK(distance(gradient(dy, x.detach().to(at::kFloat)), x.grad()) < 1e-6);
    };
    compare([](const at::Tensor& x) { return at::gelu(x); }, gelu_gradient);
    compare([](const at::Tensor& x) { return at::gelu(x, "tanh"); }, gelu_tanh_gradient);
    compare([](const at::Tensor& x) { return x * at::sigmoid(x * 1.702); }, quick_gelu_gradient);
  }

  TEST_CASE("rope goes back by the opposite angle") {
    with_each_isa([] {
      const auto half = random({6, 4}).abs() * 3, angles = at::cat({half, half}, 1);
      const auto cos = angles.cos(), sin = angles.sin();
      const auto q = leaf(random({6, 4, 8})), k = leaf(random({6, 2, 8}, 2));
      auto dq = random({6, 4, 8}, 3), dk = random({6, 2, 8}, 4);
      rotated(q, cos, sin).backward(dq.to(at::kDouble));
      rotated(k, cos, sin).backward(dk.to(at::kDouble));
      rope_gradient_(dq, dk, cos, sin);
      CHECK(distance(dq, q.grad()) < 1e-6);
      CHECK(distance(dk, k.grad()) < 1e-6);
    });
  }

  TEST_CASE("attention: grouped keys, a window, one row, rows beyond a block") {
    for (const int64_t length : {1, 5, 70, 300})
      for (const int64_t groups : {1, 2, 4})
        for (const int64_t window : {0, 3}) {
          CAPTURE(length);
          CAPTURE(groups);
          CAPTURE(window);
          const auto q = leaf(random({length, 4, 16})), k = leaf(random({length, groups, 16}, 2)),
                     v = leaf(random({length, groups, 16}, 3));
          const auto dout = random({length, 4, 16}, 4);
          const auto expected = attended(q, k, v, 0.25, window);
          expected.backward(dout.to(at::kDouble));
          const auto as_float = [](const at::Tensor& x) { return x.detach().to(at::kFloat); };
          const auto pass = attention_forward(as_float(q), as_float(k), as_float(v), 0.25, window);
          CHECK(distance(pass.out_LHK, expected) < 2e-6);
          const auto gradient = attention_gradient(pass, dout, 0.25, window);
          CHECK(distance(gradient.dq_LHK, q.grad()) < 5e-6);
          CHECK(distance(gradient.dk_LGK, k.grad()) < 5e-6);
          CHECK(distance(gradient.dv_LGK, v.grad()) < 5e-6);
        }
  }

  TEST_CASE("attention among the patches of each picture") {
    for (const int64_t pictures : {1, 3})
      for (const int64_t places : {1, 10, 70}) {
        const auto q = leaf(random({pictures, places, 2, 16})), k = leaf(random({pictures, places, 2, 16}, 2)),
                   v = leaf(random({pictures, places, 2, 16}, 3));
        const auto dout = random({pictures, places, 2, 16}, 4);
        const auto heads = [](const at::Tensor& x) { return x.transpose(1, 2); };
        const auto shares = at::softmax(at::matmul(heads(q), heads(k).transpose(2, 3)) * 0.25, -1);
        const auto expected = heads(at::matmul(shares, heads(v)));
        expected.backward(dout.to(at::kDouble));
        const auto as_float = [](const at::Tensor& x) { return x.detach().to(at::kFloat); };
        const auto pass = pictures_attention_forward(as_float(q), as_float(k), as_float(v), 0.25);
        CHECK(distance(pass.out_NPHK, expected) < 2e-6);
        const auto gradient = pictures_attention_gradient(pass, dout, 0.25);
        CHECK(distance(gradient.dq_NPHK, q.grad()) < 5e-6);
        CHECK(distance(gradient.dk_NPHK, k.grad()) < 5e-6);
        CHECK(distance(gradient.dv_NPHK, v.grad()) < 5e-6);
      }
  }

  TEST_CASE("dropout: a function of key and place, of the right share, its own gradient") {
    const auto x = random({257, 1001});
    const auto out = keyed_dropout(x, 0.25, 77);
    CHECK(out.equal(keyed_dropout(x, 0.25, 77)));
    CHECK_FALSE(out.equal(keyed_dropout(x, 0.25, 78)));
    CHECK(keyed_dropout(x, 0, 77).equal(x));
    const auto kept = out.ne(0);
    CHECK(kept.to(at::kDouble).mean().item<double>() == doctest::Approx(0.75).epsilon(0.005));
    CHECK(distance(out, x * kept.to(at::kFloat) / 0.75) < 1e-6);
    // places are counted through, whatever the shape: the mask of more rows begins with that of fewer
    CHECK(keyed_dropout(x.slice(0, 0, 100), 0.25, 77).equal(out.slice(0, 0, 100)));
    // and a part that begins anywhere has the whole's
    CHECK(keyed_dropout(x.slice(0, 3, 100), 0.25, 77, 3 * 1001).equal(out.slice(0, 3, 100)));
    CHECK(keyed_dropout(x.slice(0, 4, 5), 0.25, 77, 4 * 1001).equal(out.slice(0, 4, 5)));
  }

  TEST_CASE("embedding: rows of one id are added up") {
    const auto table = leaf(random({9, 33}));
    const auto ids = at::randint(0, 9, {40}, at::TensorOptions(at::kLong));
    const auto drows = random({40, 33}, 2);
    table.index_select(0, ids).backward(drows.to(at::kDouble));
    auto dtable = at::zeros({9, 33});
    add_embedding_gradient(dtable, ids, drows);
    CHECK(distance(dtable, table.grad()) < 1e-6);
  }

  TEST_CASE("cross-entropy: loss and gradients, more rows than a chunk, large logits") {
    with_each_isa([] {
      for (const int64_t vocabulary : {1, 7, 16, 130})
        for (const int64_t rows : {1, 5, 2500}) {
          const auto hidden = leaf(random({rows, 12}) * 6), head = leaf(random({vocabulary, 12}, 2));
          const auto targets = at::randint(0, vocabulary, {rows}, at::TensorOptions(at::kLong));
          const auto weights = random({rows}, 3).abs() / static_cast<double>(rows);
          const auto logs = at::log_softmax(at::matmul(hidden, head.t()), 1);
          const auto loss = -(logs.gather(1, targets.unsqueeze(1)).squeeze(1) * weights.to(at::kDouble)).sum();
          loss.backward();
          auto dhead = at::full({vocabulary, 12}, 7.0);
          const auto found = cross_entropy(hidden.detach().to(at::kFloat), Weight(head.detach().to(at::kFloat)),
                                           targets, weights, dhead);
          CHECK(found.loss == doctest::Approx(loss.item<double>()).epsilon(1e-6));
          CHECK(distance(found.dhidden_RD, hidden.grad()) < 1e-6);
          CHECK(distance(dhead, head.grad()) < 2e-6);
        }
    });
  }

  TEST_CASE("AdamW follows its formula, and a split buffer gives the same bits") {
    const int64_t count = 1000;
    auto whole = random({count}), first = at::zeros({count}), second = at::zeros({count});
    auto split = whole.clone(), split_first = first.clone(), split_second = second.clone();
    auto p = whole.to(at::kDouble), m = at::zeros_like(p), v = at::zeros_like(p);
    const AdamW how{1e-2, 0.9, 0.98, 1e-8, 0.1};
    for (int64_t step = 1; step <= 5; ++step) {
      const auto gradient = random({count}, static_cast<uint64_t>(step) + 10);
      adamw_(whole, gradient, first, second, step, how);
      for (const auto& [begin, size] : {std::pair<int64_t, int64_t>{0, 192}, {192, 64}, {256, 744}}) {
        const auto part = [b = begin, s = size](const at::Tensor& flat) { return flat.narrow(0, b, s); };
        auto value = part(split), one = part(split_first), two = part(split_second);
        adamw_(value, part(gradient), one, two, step, how);
      }
      const auto g = gradient.to(at::kDouble);
      const auto t = static_cast<double>(step);
      m = m * how.beta1 + g * (1 - how.beta1);
      v = v * how.beta2 + g * g * (1 - how.beta2);
      p = p - p * (how.lr * how.weight_decay);
      p = p - m / (1 - std::pow(how.beta1, t)) / ((v / (1 - std::pow(how.beta2, t))).sqrt() + how.eps) * how.lr;
    }
    CHECK(distance(whole, p) < 1e-6);
    CHECK(whole.equal(split));
  }

  TEST_CASE("the sum of squares is the same for any split at blocks") {
    const auto values = random({5 * kNormBlock + 17});
    const double whole = sum_of_squares(values);
    CHECK(whole == doctest::Approx(values.to(at::kDouble).square().sum().item<double>()).epsilon(1e-12));
    double parts = 0;
    for (int64_t i = 0; i < 6; ++i)
      parts += sum_of_squares(values.slice(0, i * kNormBlock, std::min((i + 1) * kNormBlock, values.numel())));
    CHECK(parts == whole);
  }
}
