// safetensors: what is written comes back, mapped and read, and is aligned; the writer refuses what it could not read.
#include "weights/safetensors.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/limits.hpp"
#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors_header.hpp"
#include "weights/support.hpp"

using namespace llava::core;

namespace {

const std::vector<std::pair<std::string, std::string>> kMetadata = {{"format", "pt"}, {"note", "\"é\"\n🦙"}};

OpenOptions unmapped() {
  OpenOptions options;
  options.map = false;
  return options;
}

}  // namespace

TEST_SUITE("weights/safetensors") {
  TEST_CASE("a tensor comes back with name, type, shape, bytes and file") {
    const TemporaryFolder folder;
    const auto path = folder / "part.safetensors";
    const std::vector<TensorView> tensors = {tensor("a.weight", DType::bf16, {2, 3}, "abcdefghijkl"),
                                             tensor("b", DType::f64, {}, "12345678")};
    write_safetensors(path, tensors, kMetadata);
    for (const auto& options : {OpenOptions(), unmapped()}) {
      const auto opened = open_safetensors(path, options);
      REQUIRE(opened.size() == 2);
      CHECK(opened.size_bytes() == 20);
      REQUIRE(opened.find("a.weight") != nullptr);
      CHECK(same(*opened.find("a.weight"), tensors[0]));
      CHECK(same(*opened.find("b"), tensors[1]));
      CHECK(opened.find("b")->file == "part.safetensors");
      CHECK(opened.find("c") == nullptr);
    }
    CHECK(read_safetensors_header(path).metadata == kMetadata);
  }

  TEST_CASE("200 random sets of tensors come back equal and aligned") {
    const TemporaryFolder folder;
    Rng rng(2026);
    const auto path = folder / "model.safetensors";
    for (int round = 0; round < 200; ++round) {
      CAPTURE(round);
      std::vector<TensorView> tensors;
      for (uint32_t n = rng.next_below(30); n > 0; --n)
        tensors.push_back(random_tensor("τ." + std::to_string(rng.next_u32()) + ".\"weight\"", rng));
      write_safetensors(path, tensors);
      const auto opened = open_safetensors(path, round % 2 ? OpenOptions() : unmapped());
      REQUIRE(opened.size() == tensors.size());
      for (const auto& written : tensors) {
        const auto* found = opened.find(written.name);
        REQUIRE(found != nullptr);
        CHECK(same(*found, written));
        CHECK(reinterpret_cast<uintptr_t>(found->data) % dtype_bytes(found->dtype) == 0);
      }
    }
  }

  TEST_CASE("views keep their memory alive without the map") {
    const TemporaryFolder folder;
    write_safetensors(folder / "a", std::vector{tensor("w", DType::u8, {5}, "hello")});
    const auto view = *open_safetensors(folder / "a").find("w");
    std::filesystem::remove(folder / "a");
    CHECK(std::string(reinterpret_cast<const char*>(view.data), view.size_bytes) == "hello");
  }

  TEST_CASE("the writer refuses what a reader would, and leaves no file") {
    const TemporaryFolder folder;
    const auto told = [&](const std::vector<TensorView>& tensors) {
      const auto error = error_of([&] { write_safetensors(folder / "a", tensors); });
      CHECK(error.status() == Status::argument);
      return error.message();
    };
    const auto good = tensor("w", DType::u8, {2}, "ab");
    CHECK(told({good, good}) == "tensor \"w\": stands twice");
    CHECK(told({tensor("w", DType::f32, {2}, "ab")}) == "tensor \"w\": has 2 bytes, [2] f32 takes 8");
    CHECK(told({tensor("w", DType::u8, {-1}, "ab")}) == "tensor \"w\": has the shape [-1]");
    CHECK(told({tensor("w", DType::u8, {int64_t{1} << 62, 4}, "")}).find("has the shape") != std::string::npos);
    CHECK(told({tensor("w", DType::u8, std::vector<int64_t>(9, 1), "a")}) ==
          "tensor \"w\": has 9 dimensions, at most 8");
    for (const auto& name : {std::string(), std::string("__metadata__"), std::string("\xff"), std::string("a\0b", 3),
                             std::string(4097, 'n')})
      CHECK(told({tensor(name, DType::u8, {2}, "ab")}).find("cannot stand in a safetensors file") != std::string::npos);
    CHECK(error_of([&] {
            write_safetensors(folder / "a", std::vector{good}, {{"a", "\xff"}});
          }).status() == Status::argument);
    CHECK(std::filesystem::is_empty(folder.path()));
  }

  TEST_CASE("opening tells its progress and stops when cancelled") {
    const TemporaryFolder folder;
    write_safetensors(folder / "a", std::vector{tensor("w", DType::u8, {5 << 20}, std::string(5 << 20, 'x'))});
    auto options = unmapped();
    std::vector<int64_t> done;
    options.progress = [&](int64_t now, int64_t total, std::string_view file) {
      done.push_back(now);
      CHECK(total == file_size(folder / "a"));
      CHECK(file == "a");
    };
    open_safetensors(folder / "a", options);
    CHECK(done == std::vector<int64_t>{4 << 20, file_size(folder / "a")});
    CancelToken token;
    token.cancel();
    options.cancel = Cancel(&token);
    CHECK(error_of([&] { open_safetensors(folder / "a", options); }).status() == Status::cancelled);
    CHECK(error_of([&] { open_safetensors(folder / "none"); }).status() == Status::not_found);
  }
}
