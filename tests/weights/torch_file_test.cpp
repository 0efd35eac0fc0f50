// Files that torch wrote, in both forms and with everything a state dict may hold, against their values as safetensors.
#include "weights/torch_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/files.hpp"
#include "base/log.hpp"
#include "support/doctest.hpp"
#include "support/expected.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"
#include "weights/support.hpp"
#include "weights/weight_folder.hpp"

using namespace llava::core;

namespace {

const std::string kFolder = LLAVA_TEST_DATA "/weights/torch/";

std::vector<std::string> torch_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder))
    if (entry.path().extension() == ".bin") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string without_form(std::string name) {
  if (name.ends_with("-legacy")) name.resize(name.size() - 7);
  return name;
}

void check_equal(const TensorMap& opened, const TensorMap& expected) {
  CHECK(opened.size() == expected.size());
  for (const auto& view : expected.all()) {
    CAPTURE(view.name);
    const auto* found = opened.find(view.name);
    REQUIRE(found);
    CHECK(same(*found, view));
  }
}

std::vector<std::string> log_of(const std::function<void()>& call) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); }, LogLevel::info);
  call();
  set_log_sink({});
  return lines;
}

OpenOptions unmapped() {
  OpenOptions options;
  options.map = false;
  return options;
}

}  // namespace

TEST_SUITE("weights/torch files") {
  TEST_CASE("every file of torch.save holds what its safetensors hold") {
    const auto names = torch_files();
    REQUIRE(names.size() >= 30);
    for (const auto& name : names) {
      CAPTURE(name);
      const auto expected = open_safetensors(kFolder + without_form(name) + ".safetensors");
      check_equal(open_torch_file(kFolder + name + ".bin"), expected);
      OpenOptions options = unmapped();
      options.checksums = true;
      check_equal(open_torch_file(kFolder + name + ".bin", options), expected);
    }
  }

  TEST_CASE("contiguous tensors lie in the file, the others in memory of their own") {
    for (const char* name : {"views.bin", "views-legacy.bin"}) {
      const auto file = MappedFile::open(kFolder + name);
      const auto map = torch_tensors({file.data(), file.size()}, file.owner(), name);
      const auto inside = [&](const char* tensor) {
        const auto* view = map.find(tensor);
        return view->data >= file.data() && view->data + view->size_bytes <= file.data() + file.size();
      };
      for (const char* tensor : {"whole", "rows", "row", "one_row_of_one", "last"}) CHECK(inside(tensor));
      for (const char* tensor : {"column", "transposed", "block", "every_other", "reshaped"}) CHECK(!inside(tensor));
    }
  }

  TEST_CASE("tied tensors share their bytes") {
    for (const char* name : {"shared.bin", "shared-legacy.bin"}) {
      const auto map = open_torch_file(kFolder + name);
      CHECK(map.find("embed")->data == map.find("head")->data);
      CHECK(map.find("embed")->data == map.find("half")->data);
    }
  }

  TEST_CASE("views outlive the map they came from") {
    TensorView view;
    {
      const auto map = open_torch_file(kFolder + "views.bin");
      view = *map.find("transposed");
    }
    CHECK(same(view, *open_safetensors(kFolder + "views.safetensors").find("transposed")));
  }

  TEST_CASE("the log says which entry was taken and what was left out") {
    CHECK(log_of([] { open_torch_file(kFolder + "types.bin"); }).empty());
    CHECK(log_of([] { open_torch_file(kFolder + "under-model.bin"); }) ==
          std::vector<std::string>{
              "under-model.bin: the tensors are taken from its entry \"model\", the other entries are left out"});
    const auto lines = log_of([] { open_torch_file(kFolder + "other-values.bin"); });
    REQUIRE(lines.size() == 1);
    CHECK(
        lines[0] ==
        "other-values.bin: 12 entries are no tensors and left out: step, big, negative, lr, on, off, none, name, list, "
        "size, …");
  }

  TEST_CASE("allow_pickle off refuses the file before anything of it is read") {
    OpenOptions options;
    options.allow_pickle = false;
    const auto error = error_of([&] { open_torch_file(kFolder + "types.bin", options); });
    CHECK(error.status() == Status::unsupported);
    CHECK(error.message().find("types.bin: a torch file, and those are switched off (allow_pickle is 0)") == 0);
  }

  TEST_CASE("a cancelled load stops") {
    CancelToken token;
    token.cancel();
    OpenOptions options;
    options.cancel = Cancel(&token);
    CHECK(error_of([&] { open_torch_file(kFolder + "types.bin", options); }).status() == Status::cancelled);
  }

  TEST_CASE("a file cut anywhere is refused, in both forms") {
    for (const char* name : {"ordered.bin", "ordered-legacy.bin", "protocol-4-legacy.bin"}) {
      const auto bytes = bytes_of(kFolder + name);
      const auto owner = std::make_shared<std::string>(bytes);
      const auto* data = reinterpret_cast<const std::byte*>(owner->data());
      for (size_t size = 0; size < bytes.size(); ++size) {
        CAPTURE(size);
        const auto error = error_of([&] { torch_tensors({data, size}, owner, name); });
        CHECK(error.status() == (error.message().find("a pickle, but not one") != std::string::npos
                                     ? Status::unsupported
                                     : Status::format));
      }
    }
  }
}

TEST_SUITE("weights/torch folders") {
  TEST_CASE("pytorch_model.bin and its shards are opened; safetensors come first") {
    const TemporaryFolder folder;
    std::filesystem::copy(kFolder + "ordered.bin", folder / "pytorch_model-1.bin");
    std::filesystem::copy(kFolder + "parameter-legacy.bin", folder / "pytorch_model-2.bin");
    folder.write(
        "pytorch_model.bin.index.json",
        R"({"metadata": {"total_size": 60}, "weight_map": {"z": "pytorch_model-1.bin", "a": "pytorch_model-1.bin",
                 "m": "pytorch_model-1.bin", "w": "pytorch_model-2.bin", "frozen": "pytorch_model-2.bin"}})");
    CHECK(log_of([&] { CHECK(open_weight_folder(folder.path()).size() == 5); }).empty());
    std::filesystem::copy(kFolder + "shapes.bin", folder / "pytorch_model.bin");
    CHECK(open_weight_folder(folder.path()).size() == 4);
    std::filesystem::copy(kFolder + "types.safetensors", folder / "model.safetensors");
    CHECK(open_weight_folder(folder.path()).size() == 10);
  }

  TEST_CASE("allow_pickle off is told with the folder and the way out") {
    const TemporaryFolder folder;
    folder.write("pytorch_model.bin.index.json", "{}");
    OpenOptions options;
    options.allow_pickle = false;
    const auto error = error_of([&] { open_weight_folder(folder.path(), options); });
    CHECK(error.status() == Status::unsupported);
    CHECK(error.message().find(": holds pytorch_model.bin.index.json, a torch pickle, and those are switched off") !=
          std::string::npos);
    CHECK(error.message().find("safe_serialization=True") != std::string::npos);
  }
}
