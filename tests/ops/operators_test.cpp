// Every operator of ATen that src/ calls is in the LibTorch that was found, as it was in the one that libllava was made with, and
// has a kernel for the CPU: a LibTorch that lacks one is told by name, not by the first training step that wants it. Of Gloo the
// same is shown by comm/gloo_comm_test.cpp, which runs every exchange there is.
//
// operators.txt has a line for each, by operators_test.py, which finds in the object files what is really called.
#include <ATen/core/dispatch/Dispatcher.h>

#include <fstream>
#include <sstream>
#include <string>

#include "base/error.hpp"
#include "support/doctest.hpp"

using namespace llava::core;

namespace {

/// What is otherwise than the line says; "" for nothing. "card" begins the line of what is called on a card alone.
std::string difference(const std::string& line) {
  const bool on_card = line.starts_with("card ");
  const auto schema = line.substr(line.find(' ') + 1);
  const auto full = schema.substr(0, schema.find('('));
  const auto dot = full.find('.');
  const auto overload = dot == full.npos ? "" : full.substr(dot + 1);
  const auto found = c10::Dispatcher::singleton().findSchema({full.substr(0, dot), overload});
  if (!found) return cat(full, " is not there");
  const auto here = c10::toString(found->schema());
  if (here != schema) return cat(full, " is ", here, ", and was ", schema);
  if (!on_card && !found->hasComputedKernelForDispatchKey(c10::DispatchKey::CPU))
    return cat(full, " has no kernel for the CPU");
  return "";
}

}  // namespace

TEST_SUITE("ops/operators") {
  TEST_CASE("every operator that is called is there, as it was") {
    std::ifstream file(LLAVA_TEST_DATA "/ops/operators.txt");
    int looked = 0;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      ++looked;
      CHECK(difference(line) == "");
    }
    CHECK(looked > 50);
  }

  TEST_CASE("what is not there, is otherwise or has no kernel is named") {
    CHECK(difference("cpu aten::no_such(Tensor self) -> Tensor") == "aten::no_such is not there");
    CHECK(difference("cpu aten::mm.no_such(Tensor self) -> Tensor") == "aten::mm.no_such is not there");
    CHECK(difference("cpu aten::mm(Tensor self) -> Tensor")
              .starts_with("aten::mm is aten::mm(Tensor self, Tensor mat2) -> Tensor, and was "));
    CHECK(difference("cpu aten::_cudnn_init_dropout_state(float dropout, bool train, int dropout_seed, *, ScalarType? "
                     "dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor")
              .ends_with(" has no kernel for the CPU"));
  }
}
