// What gradients are on a card, run on the CPU: each against the CPU's own loops on the same numbers, and in bf16 against
// the same in f32. Without a card this is all that can be said of them; cuda_test.cpp says the rest where there is one.
#include "ops/gradient_reference.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>

#include <functional>

#include "ops/support.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

using Given = std::function<at::Tensor(const at::Tensor&)>;  // a test's numbers as an operation gets them

/// run(given) makes tensors: by the CPU's own loops, and by the references in f32 and in bf16 of the same numbers.
template <typename Run>
void compare(Run&& run, double close = 2e-6, double half = 2e-2) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    CAPTURE(type);
    const auto own = run([type](const at::Tensor& x) { return x.to(type).to(at::kFloat, false, /*copy=*/true); });
    std::optional<ForcedReference> forced;
    if (type == at::kFloat) forced.emplace();
    const auto found = run([type](const at::Tensor& x) { return x.to(type, false, /*copy=*/true); });
    REQUIRE(found.size() == own.size());
    for (size_t i = 0; i < own.size(); ++i) {
      CAPTURE(i);
      REQUIRE(found[i].defined() == own[i].defined());
      if (own[i].defined()) CHECK(distance(found[i], own[i]) < (type == at::kFloat ? close : half));
    }
  }
}

std::vector<at::Tensor> list(std::initializer_list<at::Tensor> tensors) { return tensors; }

}  // namespace

TEST_SUITE("ops/gradient_reference") {
  TEST_CASE("what is for them: other types than f32, other devices, and everything when told so") {
    CHECK_FALSE(takes_reference(random({2})));
    CHECK(takes_reference(random({2}).to(at::kBFloat16)));
    CHECK(takes_reference(random({2}).to(at::kMeta)));
    {
      const ForcedReference forced;
      CHECK(takes_reference(random({2})));
    }
    CHECK_FALSE(takes_reference(random({2})));
  }

  TEST_CASE("linear: input, weight and bias; weight gradients are f32") {
    compare([](const Given& given) {
      const auto weight = Weight(given(random({19, 33}, 2) * 0.2));
      const auto x = given(random({4, 5, 33}) * 0.2), dy = given(random({4, 5, 19}, 4) * 0.2);
      auto dweight = at::full({19, 33}, 7.0), dbias = at::full({19}, 7.0);
      linear_weight_gradient(dweight, dy, x);
      bias_gradient(dbias, dy);
      const auto alone = linear_input_gradient(dy, weight);
      return list({dweight, dbias, alone, linear_input_gradient(dy, weight, given(random({4, 5, 33}, 5)))});
    });
  }

  TEST_CASE("norms: added to a residual, with and without gradients of their parameters") {
    for (const int64_t width : {1, 7, 16, 160})
      for (const bool learns : {true, false})
        compare([&](const Given& given) {
          const auto x = given(random({2, 70, width}) + 0.5), dy = given(random({2, 70, width}, 3));
          const auto weight = random({width}, 2);
          auto rms = given(random({2, 70, width}, 4)), layer = rms.clone();
          const auto empty = [&] { return learns ? at::full({width}, 7.0) : at::Tensor(); };
          auto dweight = empty(), layer_dweight = empty(), dbias = empty();
          add_rms_norm_gradient(rms, dweight, dy, x, weight, 1e-5);
          add_layer_norm_gradient(layer, layer_dweight, dbias, dy, x, weight, 1e-5);
          if (width == 1) layer = layer_dweight = at::Tensor();  // of one number nothing is left but what eps leaves
          return list({rms, dweight, layer, layer_dweight, dbias});
        });
  }

  TEST_CASE("silu_mul, and the activations of tower and projector") {
    compare([](const Given& given) {
      auto gate = given(random({3, 63}) * 3), up = given(random({3, 63}, 2));
      const auto dy = given(random({3, 63}, 3));
      silu_mul_gradient_(gate, up, dy);
      const auto x = given(random({3, 63}) * 3);
      return list({gate, up, gelu_gradient(dy, x), gelu_tanh_gradient(dy, x), quick_gelu_gradient(dy, x)});
    });
  }

  TEST_CASE("rope goes back by the opposite angle") {
    compare([](const Given& given) {
      const auto half = random({6, 4}).abs() * 3, angles = at::cat({half, half}, 1);
      auto dq = given(random({6, 4, 8}, 3)), dk = given(random({6, 2, 8}, 4));
      rope_gradient_(dq, dk, angles.cos(), angles.sin());
      return list({dq, dk});
    });
  }

  TEST_CASE("attention: grouped keys, a window, one row, rows beyond a block") {
    for (const int64_t length : {1, 70, 530})
      for (const int64_t groups : {1, 4})
        for (const int64_t window : {0, 3})
          compare(
              [&](const Given& given) {
                const auto q = given(random({length, 4, 16})), k = given(random({length, groups, 16}, 2)),
                           v = given(random({length, groups, 16}, 3)), dout = given(random({length, 4, 16}, 4));
                const auto pass = attention_forward(q, k, v, 0.25, window);
                const auto back = attention_gradient(pass, dout, 0.25, window);
                return list({pass.out_LHK, back.dq_LHK, back.dk_LGK, back.dv_LGK});
              },
              5e-6);
  }

  TEST_CASE("attention among the patches of each picture") {
    for (const int64_t places : {1, 70})
      compare(
          [&](const Given& given) {
            const auto q = given(random({3, places, 2, 16})), k = given(random({3, places, 2, 16}, 2)),
                       v = given(random({3, places, 2, 16}, 3)), dout = given(random({3, places, 2, 16}, 4));
            const auto pass = pictures_attention_forward(q, k, v, 0.25);
            const auto back = pictures_attention_gradient(pass, dout, 0.25);
            return list({pass.out_NPHK, back.dq_NPHK, back.dk_NPHK, back.dv_NPHK});
          },
          5e-6);
  }

  TEST_CASE("dropout: the CPU's mask to the bit, wherever a part begins") {
    const auto x = random({65, 101});
    for (const int64_t first : {int64_t{0}, int64_t{3}, int64_t{4 * 101}, (int64_t{1} << 34) + 1}) {
      CAPTURE(first);
      const auto own = keyed_dropout(x, 0.25, 0x123456789abcdef0u, first);
      CHECK(keyed_dropout_reference(x, 0.25, 0x123456789abcdef0u, first).equal(own));
      const auto half = keyed_dropout(x.to(at::kBFloat16), 0.25, 0x123456789abcdef0u, first);
      CHECK(half.ne(0).equal(own.ne(0)));
    }
  }

  TEST_CASE("embedding: rows of one id are added up") {
    const auto ids = at::randint(0, 9, {40}, at::TensorOptions(at::kLong));
    compare([&](const Given& given) {
      auto dtable = at::zeros({9, 33});
      add_embedding_gradient(dtable, ids, given(random({40, 33}, 2)));
      return list({dtable});
    });
  }

  TEST_CASE("cross-entropy: loss and gradients, more rows than a chunk, large logits") {
    for (const int64_t rows : {1, 1500}) {
      const auto targets = at::randint(0, 130, {rows}, at::TensorOptions(at::kLong));
      const auto weights = random({rows}, 3).abs() / static_cast<double>(rows);
      compare([&](const Given& given) {
        auto dhead = at::full({130, 12}, 7.0);
        const auto found =
            cross_entropy(given(random({rows, 12}) * 6), Weight(given(random({130, 12}, 2))), targets, weights, dhead);
        return list({at::full({}, double{found.loss}), found.dhidden_RD, dhead});
      });
    }
  }

  TEST_CASE("AdamW, and the sums of squares, which are the same for any split at blocks") {
    const AdamW how{1e-2, 0.9, 0.98, 1e-8, 0.1};
    const auto run = [&] {
      auto values = random({1000}), first = at::zeros({1000}), second = at::zeros({1000});
      for (int64_t step = 1; step <= 5; ++step)
        adamw_(values, random({1000}, static_cast<uint64_t>(step) + 10), first, second, step, how);
      return list({values, first, second});
    };
    const auto own = run();
    const auto numbers = random({5 * kNormBlock + 17});
    const double sum = sum_of_squares(numbers);
    const ForcedReference forced;
    const auto found = run();
    for (size_t i = 0; i < own.size(); ++i) CHECK(distance(found[i], own[i]) < 1e-6);
    CHECK(sum_of_squares(numbers) == doctest::Approx(sum).epsilon(1e-12));
    const auto whole = block_sums_of_squares(numbers);
    CHECK(whole.numel() == 6);
    CHECK(block_sums_of_squares(numbers.narrow(0, 2 * kNormBlock, 2 * kNormBlock)).equal(whole.narrow(0, 2, 2)));
  }
}
