// A data file looked at through the C ABI. What is found in records is tested in tests/data.
#include <filesystem>
#include <fstream>
#include <llava/llava.hpp>

#include "fixture.hpp"
#include "support/temporary_folder.hpp"

namespace {

const char* const kTwo =
    "[{\"id\": \"a\", \"conversations\": [{\"from\": \"human\", \"value\": \"Hi\"}, {\"from\": \"gpt\", \"value\": "
    "\"Hello\"}]},\n {\"id\": \"b\", \"image\": \"x.png\", \"conversations\": [{\"from\": \"human\", \"value\": "
    "\"<image>\"}, {\"from\": \"gpt\", \"value\": \"Red\"}]}]";

bool has(const std::string& text, const char* piece) { return text.find(piece) != text.npos; }

}  // namespace

TEST_SUITE("capi/dataset") {
  TEST_CASE("the report names what cannot be used, and the call is no failure for it") {
    const TemporaryFolder folder;
    const auto path = folder.write("train.json", kTwo);
    llava_string* text = nullptr;
    REQUIRE(llava_dataset_check(path.c_str(), fixture().model_path.c_str(), nullptr, &text) == LLAVA_OK);
    const auto report = take(text);
    CHECK(has(report, "\"records\":2"));
    CHECK(has(report, "\"unusable\":1"));
    CHECK(has(report, "picture-missing"));
    CHECK(has(report, "record 2 (byte "));
  }

  TEST_CASE("options reach the check") {
    const TemporaryFolder folder;
    const auto path = folder.write("train.json", kTwo);
    auto options = defaults<llava_dataset_options>();
    options.pictures = LLAVA_PICTURES_SKIP;
    options.labels = LLAVA_LABELS_UPSTREAM;
    options.image_place = LLAVA_IMAGE_AS_WRITTEN;
    options.template_name = "vicuna_v1";
    options.max_length = 77;
    llava_string* text = nullptr;
    REQUIRE(llava_dataset_check(path.c_str(), fixture().model_path.c_str(), &options, &text) == LLAVA_OK);
    const auto report = take(text);
    for (const char* piece : {"\"template\":\"vicuna_v1\"", "\"labels\":\"upstream\"", "\"max_length\":77",
                              "\"image_place\":\"as-written\""})
      CHECK(has(report, piece));
    CHECK_FALSE(has(report, "picture-missing"));
    options.template_name = "hf";
    CHECK(llava_dataset_check(path.c_str(), fixture().model_path.c_str(), &options, &text) == LLAVA_ERR_UNSUPPORTED);
    options.template_name = "no such";
    CHECK(llava_dataset_check(path.c_str(), fixture().model_path.c_str(), &options, &text) == LLAVA_ERR_NOT_FOUND);
    CHECK(text == nullptr);
  }

  TEST_CASE("a file that is no data file is refused with record, line and byte") {
    const TemporaryFolder folder;
    llava_string* text = nullptr;
    const auto path = folder.write("train.json", "[{\"id\": 1},]");
    CHECK(llava_dataset_check(path.c_str(), fixture().model_path.c_str(), nullptr, &text) == LLAVA_ERR_FORMAT);
    CHECK(has(llava_last_error(), "train.json: record 2, line 1, byte 11: a comma before ]"));
  }

  TEST_CASE("it can be cancelled, and stopped by its own progress") {
    const TemporaryFolder folder;
    const auto path = folder.write("train.json", kTwo);
    llava_string* text = nullptr;
    Owned<llava_cancel> cancel;
    REQUIRE(llava_cancel_create(cancel.out()) == LLAVA_OK);
    REQUIRE(llava_cancel_cancel(cancel) == LLAVA_OK);
    auto options = defaults<llava_dataset_options>();
    options.cancel = cancel;
    CHECK(llava_dataset_check(path.c_str(), fixture().model_path.c_str(), &options, &text) == LLAVA_ERR_CANCELLED);
    options.cancel = nullptr;
    options.progress = [](const char* phase, int64_t, int64_t, const char*, void*) -> int32_t {
      return std::string(phase) == "index" ? LLAVA_LOAD_ABORT : 0;
    };
    CHECK(llava_dataset_check(path.c_str(), fixture().model_path.c_str(), &options, &text) == LLAVA_ERR_CANCELLED);
  }

  TEST_CASE("and through llava.hpp") {
    const TemporaryFolder folder;
    const auto path = folder.write("train.json", kTwo);
    llava::DatasetOptions options;
    options.pictures = llava::PictureCheck::skip;
    std::string phases;
    options.progress = [&](const llava::LoadProgress& progress) {
      phases += std::string(progress.phase) + " ";
      return true;
    };
    CHECK(has(llava::check_dataset_json(path, fixture().model_path, options), "\"usable\":2"));
    CHECK(has(phases, "index "));
    CHECK_THROWS_AS(llava::check_dataset_json("/nonexistent", fixture().model_path), llava::Error);
  }
}
