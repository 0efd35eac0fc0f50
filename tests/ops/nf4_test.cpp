// Four bits a number against the formulas in numpy (tests/golden/nf4/make.py).
#include "ops/nf4.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "ops/support.hpp"
#include "support/golden.hpp"

using namespace llava::core;
using namespace ops_test;

TEST_SUITE("ops/nf4") {
  TEST_CASE("a matrix comes back as the reference makes it, in little more than four bits a number") {
    const testing::Golden golden(LLAVA_TEST_DATA "/golden/nf4/expected.safetensors");
    const auto matrix = golden.tensor("matrix");
    const Nf4Matrix packed(matrix);
    CHECK(distance(packed.widened(), golden.tensor("widened")) <= 1e-7);
    CHECK(packed.widened().equal(Nf4Matrix(matrix.to(at::kFloat)).widened()));
    CHECK(static_cast<double>(packed.size_bytes()) * 8 / static_cast<double>(matrix.numel()) < 4.15);
    CHECK(packed.widened().slice(0, 0, 1).slice(1, 0, 64).abs().max().item<float>() == 0);
    // normal numbers lose a tenth of their length
    const auto lost = (packed.widened() - matrix.to(at::kFloat)).norm() / matrix.to(at::kFloat).norm();
    CHECK(lost.item<double>() < 0.12);
  }

  TEST_CASE("nothing, one number, zeros; a number that is none is refused") {
    CHECK(Nf4Matrix(at::zeros({0, 5})).widened().numel() == 0);
    CHECK(Nf4Matrix(at::full({1, 1}, -3.0)).widened().item<float>() == doctest::Approx(-3));
    CHECK(Nf4Matrix(at::zeros({7, 9})).widened().abs().max().item<float>() == 0);
    auto broken = at::zeros({3, 3});
    broken[1][1] = std::numeric_limits<float>::infinity();
    CHECK(error_of([&] { Nf4Matrix{broken}; }).message().find("not finite") != std::string::npos);
  }
}
