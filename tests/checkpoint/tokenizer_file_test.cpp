// Which file of a folder is its tokenizer, and what the files beside it say of the tokens.
#include "checkpoint/tokenizer_file.hpp"

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"

using namespace llava::core;

namespace {

const std::string kText = LLAVA_TEST_DATA "/golden/text/";

void put(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  std::ofstream(folder.path() + "/" + name) << text;
}

void copy(const TemporaryFolder& folder, const std::string& from, const std::string& name) {
  std::filesystem::copy_file(kText + from, folder.path() + "/" + name);
}

struct Opened {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string file, unused;
};

Opened open(const TemporaryFolder& folder) {
  Opened opened;
  opened.tokenizer = open_tokenizer(folder.path(), read_tokenizer_settings(folder.path()), opened.file, opened.unused);
  return opened;
}

}  // namespace

TEST_SUITE("checkpoint/tokenizer_file") {
  TEST_CASE("tokenizer.json alone is enough, and gives the ids of the tokenizer.model it was made from") {
    const TemporaryFolder json, model;
    copy(json, "json-converted.json", "tokenizer.json");
    copy(model, "test_tokenizer.model", "tokenizer.model");
    const Opened ours = open(json), theirs = open(model);
    CHECK(ours.file == "tokenizer.json");
    CHECK(ours.unused.empty());
    CHECK(theirs.file == "tokenizer.model");
    for (const char* text :
         {"The boats are in the street.\n", "  two  blanks ", "</s><s>", "\xE5\xAD\x97 \xF0\x9F\x98\x80"})
      CHECK(ours.tokenizer->encode(text) == theirs.tokenizer->encode(text));
    CHECK(ours.tokenizer->bos() == theirs.tokenizer->bos());
    CHECK(ours.tokenizer->eos() == theirs.tokenizer->eos());
    CHECK(ours.tokenizer->size() == theirs.tokenizer->size());
  }

  TEST_CASE("where both are there tokenizer.model is used, and the other is named") {
    const TemporaryFolder folder;
    copy(folder, "json-converted.json", "tokenizer.json");
    copy(folder, "test_tokenizer.model", "tokenizer.model");
    CHECK(open(folder).file == "tokenizer.model");
    CHECK(open(folder).unused == "tokenizer.json");
  }

  TEST_CASE("a folder without either says so") {
    const TemporaryFolder folder;
    const auto error = error_of([&] { open(folder); });
    CHECK(error.status() == Status::not_found);
    CHECK(error.message() == folder.path() + " has neither tokenizer.model nor tokenizer.json");
  }

  TEST_CASE("the tokens of a converted folder are found: <image>, <pad>, and the names of roles") {
    const TemporaryFolder folder;
    copy(folder, "json-converted.json", "tokenizer.json");
    put(folder, "tokenizer_config.json", R"({"added_tokens_decoder": {
        "900": {"content": "<image>", "special": true}, "901": {"content": "<pad>", "special": true},
        "902": {"content": "<tool>", "special": false, "normalized": false}},
        "tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": "<pad>"})");
    const auto tokenizer = open(folder).tokenizer;
    CHECK(tokenizer->special_id("<image>") == 900);
    CHECK(tokenizer->pad() == 901);
    CHECK(tokenizer->eos() == tokenizer->special_id("</s>"));
    CHECK(tokenizer->encode("<tool>") == std::vector<int32_t>{902});
    for (const int32_t id : tokenizer->encode("<image> <pad>")) CHECK(!tokenizer->is_special(id));
  }

  TEST_CASE("add_bos_token counts where transformers builds the post-processor from it") {
    const TemporaryFolder folder;
    copy(folder, "json-converted.json", "tokenizer.json");
    put(folder, "tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": false})");
    CHECK(open(folder).tokenizer->bos() == -1);
    put(folder, "tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": false})");
    CHECK(open(folder).tokenizer->bos() == 1);
  }

  TEST_CASE("special_tokens_map.json names what tokenizer_config.json leaves out") {
    const TemporaryFolder folder;
    copy(folder, "json-qwen2.json", "tokenizer.json");
    put(folder, "tokenizer_config.json", R"({"bos_token": null, "pad_token": "<|endoftext|>"})");
    put(folder, "special_tokens_map.json", R"({"eos_token": {"content": "<|im_end|>"}, "pad_token": "<|im_start|>"})");
    const auto tokenizer = open(folder).tokenizer;
    CHECK(tokenizer->piece(tokenizer->eos()) == "<|im_end|>");
    CHECK(tokenizer->piece(tokenizer->pad()) == "<|endoftext|>");
    CHECK(tokenizer->bos() == -1);
  }
}
