// linear() against a product in f64, for every instruction set, number of rows and weight type.
#include <ATen/ops/linear.h>

#include "ops/support.hpp"

using namespace llava::core;
using namespace ops_test;

namespace {

at::Tensor expected_linear(const at::Tensor& x, const Weight& weight, const at::Tensor& bias) {
  const auto wide_bias = bias.defined() ? bias.to(at::kDouble) : bias;
  return at::linear(x.to(at::kDouble), weight.stored().to(at::kDouble), wide_bias);
}

double linear_distance(int64_t rows, int64_t in, int64_t out, at::ScalarType type, bool with_bias) {
  const auto x = random({rows, in}, 1);
  const Weight weight(random({out, in}, 2).to(type));
  const auto bias = with_bias ? random({out}, 3) : at::Tensor();
  return distance(linear(x, weight, bias), expected_linear(x, weight, bias));
}

}  // namespace

TEST_SUITE("ops/linear") {
  TEST_CASE("small and odd matrices agree with f64 on every path") {
    with_each_isa([] {
      for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf})
        for (const int64_t rows : {1, 2, 3, 5, 7, 17, 33})
          for (const int64_t in : {1, 3, 17, 63, 129})
            for (const int64_t out : {1, 7, 32, 63, 129}) {
              CAPTURE(rows);
              CAPTURE(in);
              CAPTURE(out);
              CAPTURE(std::string(c10::toString(type)));
              CHECK(linear_distance(rows, in, out, type, out % 2 == 1) < 2e-6);
            }
    });
  }

  TEST_CASE("matrices larger than every block agree with f64") {
    with_each_isa([] {
      for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf}) {
        CAPTURE(std::string(c10::toString(type)));
        CHECK(linear_distance(1, 1500, 1111, type, true) < 2e-6);
        CHECK(linear_distance(9, 1500, 1111, type, false) < 2e-6);
        CHECK(linear_distance(300, 1031, 777, type, true) < 2e-6);
      }
    });
  }

  TEST_CASE("leading dimensions stay and an empty batch gives an empty result") {
    with_each_isa([] {
      const Weight weight(random({7, 5}).to(at::kBFloat16));
      CHECK(linear(random({2, 3, 5}), weight).sizes() == at::IntArrayRef({2, 3, 7}));
      CHECK(linear(random({5}), weight).sizes() == at::IntArrayRef({7}));
      CHECK(linear(random({0, 5}), weight).sizes() == at::IntArrayRef({0, 7}));
      CHECK(linear(random({4, 5}), Weight(random({0, 5}).to(at::kBFloat16))).sizes() == at::IntArrayRef({4, 0}));
    });
  }

  TEST_CASE("strided inputs and weights that are part of a larger matrix are read where they lie") {
    with_each_isa([] {
      for (const int64_t rows : {1, 4, 40}) {
        const auto x = random({96, rows}).t();
        const Weight weight(random({50, 200}).to(at::kBFloat16).slice(1, 30, 126));
        const auto bias = random({100}).slice(0, 0, 100, 2);
        CHECK(distance(linear(x, weight, bias), expected_linear(x, weight, bias)) < 2e-6);
      }
    });
  }

  TEST_CASE("NaN and infinity come through") {
    with_each_isa([] {
      for (const int64_t rows : {1, 4, 40}) {
        auto x = at::ones({rows, 64});
        x[0][5] = std::numeric_limits<float>::quiet_NaN();
        const auto y = linear(x, Weight(at::ones({33, 64}).to(at::kBFloat16)));
        CHECK(y[0].isnan().all().item<bool>());
        if (rows > 1) CHECK(at::equal(y[rows - 1], at::full({33}, 64.f)));
      }
    });
  }

  TEST_CASE("shapes that do not fit are an internal error with both shapes") {
    const auto error = error_of([] { linear(random({2, 4}), Weight(random({3, 5}))); });
    CHECK(error.status() == Status::internal);
    CHECK(error.message().find("[2, 4]") != std::string::npos);
    CHECK(error.message().find("[3, 5]") != std::string::npos);
    CHECK(error_of([] { Weight(random({3})); }).status() == Status::internal);
    CHECK(error_of([] { Weight(random({3, 4}).to(at::kLong)); }).status() == Status::internal);
  }
}
