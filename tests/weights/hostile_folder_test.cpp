// Folders and files that change, loop, are huge or crowded: a clear status each, and never a signal.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "support/doctest.hpp"
#include "support/expected.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"
#include "weights/support.hpp"
#include "weights/torch_file.hpp"
#include "weights/weight_folder.hpp"

using namespace llava::core;
namespace fs = std::filesystem;

namespace {

const std::string kTorch = LLAVA_TEST_DATA "/weights/torch/";
constexpr size_t kBytes = 64 << 10;  // several pages, so that a cut takes some away

std::string model_file(const TemporaryFolder& folder, char fill = 'a') {
  const auto path = folder / "model.safetensors";
  write_safetensors(path, std::vector{tensor("w", DType::u8, {kBytes}, std::string(kBytes, fill))});
  return path;
}

void touch_later(const std::string& path) {
  fs::last_write_time(path, fs::file_time_type::clock::now() + std::chrono::hours(1));
}

}  // namespace

TEST_SUITE("weights/hostile folders") {
  TEST_CASE("a mapped file that is cut afterwards is found before its bytes are touched") {
    const TemporaryFolder folder;
    const auto path = model_file(folder);
    const auto map = open_weight_folder(folder.path());
    check_unchanged(map);
    REQUIRE(::truncate(path.c_str(), 4096) == 0);
    const auto error = error_of([&] { check_unchanged(map); });
    CHECK(error.status() == Status::io);
    CHECK(error.message().find("model.safetensors: changed from ") == 0);
    CHECK(error.message().find(" to 4096 bytes since it was opened") != std::string::npos);
  }

  TEST_CASE("a mapped file that is written to afterwards is found too") {
    const TemporaryFolder folder;
    const auto path = model_file(folder);
    const auto map = open_weight_folder(folder.path());
    touch_later(path);
    CHECK(error_of([&] { check_unchanged(map); }).message().find("model.safetensors: was written to since") == 0);
  }

  TEST_CASE("shards and torch files are watched alike") {
    const TemporaryFolder folder;
    fs::copy(kTorch + "ordered.bin", folder / "1.bin");
    fs::copy(kTorch + "shapes-legacy.bin", folder / "2.bin");
    folder.write("pytorch_model.bin.index.json",
                 R"({"weight_map": {"z": "1.bin", "a": "1.bin", "m": "1.bin", "scalar": "2.bin",
                 "empty": "2.bin", "empty_matrix": "2.bin", "rank_8": "2.bin"}})");
    const auto map = open_weight_folder(folder.path());
    CHECK(map.mapped_files().size() == 2);
    check_unchanged(map);
    REQUIRE(::truncate((folder / "2.bin").c_str(), 10) == 0);
    CHECK(error_of([&] { check_unchanged(map); }).message().find("2.bin: changed from ") == 0);
  }

  TEST_CASE("files replaced, renamed or removed keep what was opened") {
    const TemporaryFolder folder;
    const auto path = model_file(folder, 'a');
    const auto map = open_weight_folder(folder.path());
    model_file(folder, 'b');  // written beside and renamed into place
    check_unchanged(map);
    fs::remove(path);
    check_unchanged(map);
    const auto* view = map.find("w");
    for (size_t i = 0; i < view->size_bytes; ++i) REQUIRE(view->data[i] == std::byte{'a'});
  }

  TEST_CASE("files that are read instead of mapped do not mind") {
    const TemporaryFolder folder;
    const auto path = model_file(folder);
    OpenOptions options;
    options.map = false;
    const auto map = open_weight_folder(folder.path(), options);
    REQUIRE(::truncate(path.c_str(), 0) == 0);
    check_unchanged(map);
    CHECK(map.find("w")->data[kBytes - 1] == std::byte{'a'});
  }

  TEST_CASE("loops of links end with the system's word for them") {
    const TemporaryFolder folder;
    fs::create_symlink("b.bin", folder / "a.bin");
    fs::create_symlink("a.bin", folder / "b.bin");
    folder.write("pytorch_model.bin.index.json", R"({"weight_map": {"w": "a.bin"}})");
    const auto shard = error_of([&] { open_weight_folder(folder.path()); });
    CHECK(shard.status() == Status::io);
    CHECK(shard.message().find("pytorch_model.bin.index.json lists a.bin: ") == 0);
    CHECK(shard.message().find("Too many levels of symbolic links") != std::string::npos);
    CHECK(error_of([&] { open_torch_file(folder / "a.bin"); }).status() == Status::io);
    fs::create_symlink("pytorch_model.bin", folder / "pytorch_model.bin");
    CHECK(error_of([&] { open_weight_folder(folder.path()); }).status() == Status::io);
    fs::create_directory_symlink("loop", folder / "loop");
    CHECK(error_of([&] { open_weight_folder(folder / "loop"); }).status() == Status::io);
  }

  TEST_CASE("a folder of 100000 files is looked through once, and what it lacks is told") {
    const TemporaryFolder folder;
    const int directory = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(directory >= 0);
    for (int i = 0; i < 100'000; ++i) {
      const int file = ::openat(directory, cat("f", i).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
      REQUIRE(file >= 0);
      ::close(file);
    }
    ::close(directory);
    const auto begin = std::chrono::steady_clock::now();
    const auto error = error_of([&] { open_weight_folder(folder.path()); });
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    CHECK(error.status() == Status::not_found);
    CHECK(error.message().find(": no weights; looked for model.safetensors, ") != std::string::npos);
    model_file(folder);
    CHECK(open_weight_folder(folder.path()).size() == 1);
  }

  TEST_CASE("files of 2 TiB that are mostly hole are mapped, or refused, at once") {
    const TemporaryFolder folder;
    const std::string header = R"({"w":{"dtype":"U8","shape":[2199023255552],"data_offsets":[0,2199023255552]}})";
    std::string length(8, '\0');
    length[0] = static_cast<char>(header.size());
    const auto path = folder.write("model.safetensors", length + header);
    const auto cut = error_of([&] { open_safetensors(path); });
    CHECK(cut.status() == Status::format);
    CHECK(cut.message().find("ends at 2199023255552, the file holds 0 bytes of data: it is cut short") !=
          std::string::npos);
    const auto size = static_cast<off_t>(8 + header.size()) + (off_t{1} << 41);
    if (::truncate(path.c_str(), size) != 0) return;  // a file system without such sizes
    const auto map = open_safetensors(path);
    CHECK(map.find("w")->data[map.find("w")->size_bytes - 1] == std::byte{0});
    const auto torch = folder.write("pytorch_model.bin", bytes_of(kTorch + "ordered.bin"));
    REQUIRE(::truncate(torch.c_str(), off_t{1} << 41) == 0);
    CHECK(error_of([&] { open_torch_file(torch); }).message().find("is not at the end of its 2199023255552 bytes") !=
          std::string::npos);
  }

  TEST_CASE("a torch shard that was cut, is another's, or is empty is named") {
    const TemporaryFolder folder;
    const auto whole = bytes_of(kTorch + "ordered.bin");
    const auto told = [&](const std::string& bytes, const char* map) {
      folder.write("1.bin", bytes);
      folder.write("pytorch_model.bin.index.json", std::string(R"({"weight_map": )") + map + "}");
      return error_of([&] { open_weight_folder(folder.path()); }).message();
    };
    const char* all = R"({"z": "1.bin", "a": "1.bin", "m": "1.bin"})";
    CHECK(told(whole, all) == "nothing was thrown");
    CHECK(told(whole.substr(0, whole.size() - 30), all).find("1.bin: the zip directory is not at the end") == 0);
    CHECK(told("", all).find("1.bin: not a torch file: its 0 bytes") == 0);
    CHECK(told(whole, R"({"z": "1.bin", "a": "1.bin"})") ==
          "1.bin: tensor \"m\" is not listed there in pytorch_model.bin.index.json");
    CHECK(told(whole, R"({"z": "1.bin", "a": "1.bin", "m": "1.bin", "n": "1.bin"})") ==
          "1.bin: tensor \"n\" is absent, pytorch_model.bin.index.json lists it there");
    CHECK(told(whole, R"({"z": "1.bin", "a": "../1.bin"})").find("\"../1.bin\" holds a slash") != std::string::npos);
  }
}
