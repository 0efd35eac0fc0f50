// Where image rows enter the text.
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>

#include "model/splice.hpp"
#include "support/doctest.hpp"

using namespace llava::core;

namespace {

const std::vector<int64_t> kIds = {1, kImagePlace, 3};

Weight table() { return Weight(at::arange(10, at::kFloat).reshape({5, 2})); }

at::Tensor splice_here(const std::vector<int64_t>& ids, const std::vector<at::Tensor>& features) {
  return splice(ids, features, table(), at::kFloat);
}

}  // namespace

TEST_SUITE("model/splice") {
  TEST_CASE("features stand where the image token stood") {
    const auto image_PD = at::full({2, 2}, 9.f);
    const auto out_LD = splice_here(kIds, {image_PD});
    CHECK(at::equal(out_LD.slice(0, 1, 3), image_PD));
    CHECK(at::equal(out_LD[3], table().stored()[3]));
    CHECK(out_LD.size(0) == 4);
  }

  TEST_CASE("images of different sizes keep reading order") {
    const auto out_LD = splice_here({kImagePlace, kImagePlace, 0}, {at::full({1, 2}, 7.f), at::full({3, 2}, 8.f)});
    CHECK(out_LD[0][0].item<float>() == 7.f);
    CHECK(out_LD[3][1].item<float>() == 8.f);
    CHECK(out_LD.size(0) == 5);
  }

  TEST_CASE("places and images must agree in number, ids lie in the table, widths fit") {
    CHECK(error_of([] { splice_here(kIds, {}); }).message() == "the prompt has 1 image places, 0 images were given");
    CHECK(error_of([] {
            splice_here({1, 5}, {});
          }).message() == "token id 5 at position 1 is outside the vocabulary of 5");
    CHECK(error_of([] { splice_here(kIds, {at::full({2, 3}, 1.f)}); }).status() == Status::argument);
  }
}
