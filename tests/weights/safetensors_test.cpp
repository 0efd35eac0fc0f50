// safetensors: what is written comes back, single and sharded.
#include "weights/safetensors.hpp"

#include <cstring>
#include <numeric>

#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"
#include "weights/weight_folder.hpp"

using namespace llava::core;

namespace {

TensorView view(std::string name, DType dtype, std::vector<int64_t> shape, const std::vector<std::byte>& bytes) {
  TensorView tensor;
  tensor.name = std::move(name);
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.data = bytes.data();
  tensor.size_bytes = bytes.size();
  return tensor;
}

}  // namespace

TEST_SUITE("weights/safetensors") {
  TEST_CASE("what is written comes back, mapped and read") {
    const TemporaryFolder folder;
    const std::vector<std::byte> half(12, std::byte{1}), wide(8, std::byte{2});
    const std::vector<TensorView> tensors = {view("a.weight", DType::bf16, {2, 3}, half),
                                             view("b", DType::f64, {}, wide)};
    write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
    for (const bool map : {true, false}) {
      OpenOptions options;
      options.map = map;
      const auto opened = open_weight_folder(folder.path(), options);
      REQUIRE(opened.size() == 2);
      CHECK(opened.size_bytes() == 20);
      const auto* a = opened.find("a.weight");
      REQUIRE(a != nullptr);
      CHECK(a->dtype == DType::bf16);
      CHECK(a->shape == std::vector<int64_t>{2, 3});
      CHECK(std::memcmp(a->data, half.data(), half.size()) == 0);
      CHECK(a->file == "model.safetensors");
      CHECK(opened.find("c") == nullptr);
    }
  }
}
