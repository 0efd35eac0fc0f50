// A file of torch.save's kind, written here: the very bytes that torch opened (make_torch_written.py), and read back.
#include "weights/torch_writer.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "base/error.hpp"
#include "base/files.hpp"
#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"
#include "weights/torch_file.hpp"

using namespace llava::core;

namespace {

struct Made {
  std::vector<std::vector<std::byte>> bytes;
  std::vector<TensorView> views;

  void add(const std::string& name, DType dtype, const std::vector<int64_t>& shape) {
    const auto count = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    std::vector<std::byte> data(static_cast<size_t>(count) * dtype_bytes(dtype));
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>((i * 7 + bytes.size()) % 60);
    bytes.push_back(std::move(data));
    views.push_back({name, dtype, shape, bytes.back().data(), bytes.back().size(), "", nullptr});
  }
};

/// Every type, names beyond ASCII, a scalar, a tensor without numbers.
Made made() {
  Made made;
  made.bytes.reserve(16);  // views point into it
  made.add("model.mm_projector.0.weight", DType::f32, {3, 5});
  made.add("model.mm_projector.0.bias", DType::bf16, {7});
  made.add("f\u00fcnf", DType::f16, {2, 1, 4});
  made.add("scalar", DType::f64, {});
  made.add("none", DType::f32, {0, 4});
  made.add("i64", DType::i64, {2});
  made.add("i32", DType::i32, {2});
  made.add("i16", DType::i16, {2});
  made.add("i8", DType::i8, {2});
  made.add("u8", DType::u8, {2});
  return made;
}

const std::string kFolder = LLAVA_TEST_DATA "/weights/torch/";

}  // namespace

TEST_SUITE("weights/torch_writer") {
  TEST_CASE("the bytes are those that torch opened, and it found what was written") {
    const TemporaryFolder folder;
    const auto tensors = made();
    const char* kept = std::getenv("LLAVA_TEST_WRITTEN");  // for make_torch_written.py
    const auto path = kept ? std::string(kept) : folder / "written.bin";
    write_torch_file(path, tensors.views);
    const auto read = open_torch_file(path);
    REQUIRE(read.size() == tensors.views.size());
    for (const auto& view : tensors.views) {
      CAPTURE(view.name);
      const auto* found = read.find(view.name);
      REQUIRE(found);
      CHECK(found->dtype == view.dtype);
      CHECK(found->shape == view.shape);
      CHECK(std::equal(view.data, view.data + view.size_bytes, found->data));
    }
    if (kept) return;
    CHECK(read_file(path, 1 << 20) == read_file(kFolder + "written.bin", 1 << 20));
    const auto torch = open_safetensors(kFolder + "written.safetensors");
    REQUIRE(torch.size() == tensors.views.size());
    for (const auto& view : tensors.views) {
      CAPTURE(view.name);
      const auto* found = torch.find(view.name);
      REQUIRE(found);
      CHECK(found->dtype == view.dtype);
      CHECK(found->shape == view.shape);
      CHECK(std::equal(view.data, view.data + view.size_bytes, found->data));
    }
  }

  TEST_CASE("every tensor of a mapped file is aligned") {
    const TemporaryFolder folder;
    const auto tensors = made();
    write_torch_file(folder / "a.bin", tensors.views);
    const auto read = open_torch_file(folder / "a.bin");
    for (const auto& view : read.all()) CHECK(reinterpret_cast<uintptr_t>(view.data) % 64 == 0);
  }

  TEST_CASE("names and sizes that cannot be are refused, and nothing is left") {
    const TemporaryFolder folder;
    const auto refused = [&](auto&& change) {
      auto tensors = made();
      change(tensors.views);
      return error_of([&] { write_torch_file(folder / "a.bin", tensors.views); });
    };
    CHECK(refused([](auto& views) { views[1].name = views[0].name; }).message().ends_with("stands twice"));
    CHECK(refused([](auto& views) { views[1].name.clear(); }).status() == Status::argument);
    CHECK(refused([](auto& views) { views[1].name.assign(1, static_cast<char>(0xff)); }).status() == Status::argument);
    CHECK(refused([](auto& views) { views[0].shape = {3, 4}; }).message().find("has 60 bytes") != std::string::npos);
    CHECK(refused([](auto& views) {
            views[0].shape = {1 << 15, 1 << 15};
            views[0].size_bytes = size_t{4} << 30;
          }).status() == Status::limit);
    CHECK(std::filesystem::is_empty(folder.path()));
  }
}
