// Imaginary ranks.
#include "comm/counting_comm.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "support/doctest.hpp"

using namespace llava::core;

TEST_SUITE("comm/counting") {
  TEST_CASE("bytes are those a real rank would send") {
    for (const int64_t size : {1, 2, 3, 1024}) {
      CountingComm comm(size - 1, size);
      auto whole = at::full({size * 8}, 1.f), other = at::zeros({size * 8});
      comm.all_gather(whole, whole.narrow(0, (size - 1) * 8, 8));
      CHECK(comm.sent_bytes() == (size - 1) * 8 * 4);
      comm.all_to_all(other, whole);
      comm.reduce_scatter(at::zeros({8}), whole);
      CHECK(comm.sent_bytes() == 3 * (size - 1) * 8 * 4);
      auto numbers = at::full({1}, 5, at::kLong);
      comm.all_reduce(numbers, Reduce::sum);
      CHECK(numbers.item<int64_t>() == 5);
      CHECK(comm.calls().size() == 4);
    }
    CHECK(error_of([] { CountingComm(1, 1); }).status() == Status::argument);
    CHECK(error_of([] { CountingComm(0, 1025); }).status() == Status::argument);
  }
}
