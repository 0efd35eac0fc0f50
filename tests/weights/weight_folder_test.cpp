// Folders of shards: what lies where, links, things that are no files, and what is told on the way.
#include "weights/weight_folder.hpp"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"
#include "weights/shard_index.hpp"
#include "weights/support.hpp"

using namespace llava::core;

namespace {

using Written = nlohmann::json;

constexpr const char* kIndex = "model.safetensors.index.json";

void write_index(const TemporaryFolder& folder, const Written& weight_map, int64_t total_size) {
  folder.write(kIndex, Written{{"metadata", {{"total_size", total_size}}}, {"weight_map", weight_map}}.dump());
}

// two shards of one tensor each; the index stands
void write_pair(const TemporaryFolder& folder) {
  write_safetensors(folder / "1.safetensors", std::vector{tensor("a", DType::u8, {4}, "aaaa")});
  write_safetensors(folder / "2.safetensors", std::vector{tensor("b", DType::u8, {4}, "bbbb")});
  write_index(folder, {{"a", "1.safetensors"}, {"b", "2.safetensors"}}, 8);
}

std::vector<std::string> log_of(const std::function<void()>& call) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  call();
  set_log_sink({});
  return lines;
}

}  // namespace

TEST_SUITE("weights/folder") {
  TEST_CASE("30 random models come back whole from their shards") {
    Rng rng(5);
    for (int round = 0; round < 30; ++round) {
      const TemporaryFolder folder;
      std::vector<std::vector<TensorView>> shards(1 + rng.next_below(5));
      Written weight_map = Written::object();
      int64_t total = 0;
      for (uint32_t i = 0; i < 20; ++i) {
        const auto shard = i < shards.size() ? i : rng.next_below(static_cast<uint32_t>(shards.size()));
        shards[shard].push_back(random_tensor("layers." + std::to_string(i) + ".w", rng));
        weight_map[shards[shard].back().name] = "part-" + std::to_string(shard);
        total += static_cast<int64_t>(shards[shard].back().size_bytes);
      }
      for (size_t i = 0; i < shards.size(); ++i) write_safetensors(folder / ("part-" + std::to_string(i)), shards[i]);
      write_index(folder, weight_map, total);
      TensorMap opened;
      CHECK(log_of([&] { opened = open_weight_folder(folder.path()); }).empty());
      CHECK(opened.size() == 20);
      CHECK(opened.size_bytes() == total);
      for (const auto& shard : shards)
        for (const auto& written : shard) CHECK(same(*opened.find(written.name), written));
    }
  }

  TEST_CASE("a total_size that is off is a warning, one that fits is not") {
    const TemporaryFolder folder;
    write_pair(folder);
    CHECK(log_of([&] { open_weight_folder(folder.path()); }).empty());
    write_index(folder, {{"a", "1.safetensors"}, {"b", "2.safetensors"}}, 9);
    CHECK(log_of([&] { open_weight_folder(folder.path()); }) ==
          std::vector<std::string>{"model.safetensors.index.json: total_size is 9, the tensors hold 8 bytes"});
  }

  TEST_CASE("links are followed, as the Hugging Face cache needs it") {
    const TemporaryFolder blobs, folder;
    write_pair(blobs);
    for (const char* name : {"1.safetensors", "2.safetensors", kIndex})
      std::filesystem::create_symlink(blobs / name, folder / name);
    CHECK(open_weight_folder(folder.path()).size() == 2);
  }

  TEST_CASE("a shard that is no file is told with its name, at once") {
    const auto told = [](const std::function<void(const std::string&)>& make) {
      const TemporaryFolder folder;
      write_pair(folder);
      std::filesystem::remove(folder / "2.safetensors");
      make(folder / "2.safetensors");
      const auto error = error_of([&] { open_weight_folder(folder.path()); });
      CHECK(error.message().find("model.safetensors.index.json lists 2.safetensors: ") == 0);
      return error;
    };
    CHECK(told([](const std::string&) {}).status() == Status::not_found);
    CHECK(told([](const std::string& path) { std::filesystem::create_directory(path); }).status() == Status::io);
    CHECK(told([](const std::string& path) { ::mkfifo(path.c_str(), 0600); }).message().find("is a FIFO") !=
          std::string::npos);
    CHECK(told([](const std::string& path) { std::filesystem::create_symlink("2.safetensors", path); }).status() ==
          Status::io);
    CHECK(told([](const std::string& path) { std::filesystem::create_symlink("gone", path); }).status() ==
          Status::not_found);
    CHECK(told([](const std::string& path) { std::filesystem::create_symlink("/dev/zero", path); })
              .message()
              .find("is a device") != std::string::npos);
  }

  TEST_CASE("a folder that is none, or a file, is said to be so") {
    const TemporaryFolder folder;
    CHECK(error_of([&] { open_weight_folder(folder / "none"); }).message() == folder / "none" + ": no such folder");
    const auto file = folder.write("model.gguf", "x");
    CHECK(error_of([&] { open_weight_folder(file); }).message() == file + ": is a file, expected a folder");
    std::filesystem::create_directory(folder / "model.safetensors");
    CHECK(error_of([&] { open_weight_folder(folder.path()); }).status() == Status::io);
  }

  TEST_CASE("progress runs over all shards to their sum") {
    const TemporaryFolder folder;
    write_pair(folder);
    const auto total = file_size(folder / "1.safetensors") + file_size(folder / "2.safetensors");
    for (const bool map : {true, false}) {
      OpenOptions options;
      options.map = map;
      std::vector<std::string> told;
      int64_t last = 0;
      options.progress = [&](int64_t done, int64_t all, std::string_view file) {
        CHECK(all == total);
        CHECK(done > last);
        last = done;
        told.emplace_back(file);
      };
      open_weight_folder(folder.path(), options);
      CHECK(last == total);
      CHECK(told == std::vector<std::string>{"1.safetensors", "2.safetensors"});
    }
  }

  TEST_CASE("an index is taken at its limits and refused above them") {
    const auto text = [](int64_t shards) {
      Written map = Written::object();
      for (int64_t i = 0; i < shards; ++i) map["t" + std::to_string(i)] = "s" + std::to_string(i);
      return Written{{"weight_map", map}}.dump();
    };
    CHECK(parse_shard_index(text(limits::kShards), "i").shards.size() == static_cast<size_t>(limits::kShards));
    const auto error = error_of([&] { parse_shard_index(text(limits::kShards + 1), "i"); });
    CHECK(error.status() == Status::limit);
    CHECK(error.message().find("more than 1024 shards") != std::string::npos);
    const std::string padded = text(1) + std::string(static_cast<size_t>(limits::kIndexJsonBytes), ' ');
    CHECK(error_of([&] { parse_shard_index(padded, "i"); }).status() == Status::limit);
  }
}
