// tests/bad/safetensors, index and bin: every file is refused with its own status and message, or taken where it is
// legal.
#include <map>

#include "base/files.hpp"
#include "support/doctest.hpp"
#include "support/expected.hpp"
#include "weights/safetensors.hpp"
#include "weights/safetensors_header.hpp"
#include "weights/torch_file.hpp"
#include "weights/weight_folder.hpp"

using namespace llava::core;

namespace {

const std::string kFolder = LLAVA_TEST_DATA "/bad/safetensors";
const std::string kIndexFolder = LLAVA_TEST_DATA "/bad/index";
const std::string kTorchFolder = LLAVA_TEST_DATA "/bad/bin";

// `open` of every row against its expectation; every refusal has a message that no other file gets
template <typename Open>
void check_all(const std::string& folder, Open open) {
  std::map<std::string, std::string> told;
  for (const auto& row : read_expected(folder)) {
    CAPTURE(row.file);
    const auto error = error_of([&] { open(folder + "/" + row.file); });
    CHECK(std::string(status_name(static_cast<int32_t>(error.status()))) == row.status);
    if (row.status == "OK") continue;
    CAPTURE(error.message());
    CHECK(error.message().find(row.piece) != std::string::npos);
    CHECK(error.message().size() <= 1024);
    auto bare = error.message();
    for (auto at = bare.find(row.file); at != bare.npos; at = bare.find(row.file)) bare.erase(at, row.file.size());
    const auto& first = told.emplace(bare, row.file).first->second;
    CHECK(first == row.file);
  }
}

}  // namespace

TEST_SUITE("weights/bad files") {
  TEST_CASE("each bad safetensors file is refused with its own message, mapped") {
    REQUIRE(read_expected(kFolder).size() >= 120);
    check_all(kFolder, [](const std::string& path) { open_safetensors(path); });
  }

  TEST_CASE("each bad safetensors file is refused with its own message, read") {
    OpenOptions options;
    options.map = false;
    check_all(kFolder, [&](const std::string& path) { open_safetensors(path, options); });
  }

  TEST_CASE("the header alone is refused alike") {
    check_all(kFolder, [](const std::string& path) { read_safetensors_header(path); });
  }

  TEST_CASE("each bad index or set of shards is refused with its own message") {
    REQUIRE(read_expected(kIndexFolder).size() >= 40);
    check_all(kIndexFolder, [](const std::string& path) { open_weight_folder(path); });
  }

  TEST_CASE("each bad torch file is refused with its own message, mapped and read") {
    REQUIRE(read_expected(kTorchFolder).size() >= 300);
    for (const bool map : {true, false}) {
      OpenOptions options;
      options.map = map;
      check_all(kTorchFolder, [&](const std::string& path) { open_torch_file(path, options); });
    }
  }
}
