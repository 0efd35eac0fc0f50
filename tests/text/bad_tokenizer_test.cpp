// Malformed models: each gives its own message, none reaches sentencepiece, nothing is printed.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>
#include <random>

#include "base/limits.hpp"
#include "support/doctest.hpp"
#include "text/sentencepiece_model.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

/// Bytes written to stdout and stderr, by whomever, while `call` runs.
template <typename Call>
int64_t printed_by(Call&& call) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fflush(stdout);
  std::fflush(stderr);
  const std::array<int, 2> kept = {::dup(1), ::dup(2)};
  ::dup2(::fileno(file), 1);
  ::dup2(::fileno(file), 2);
  call();
  std::fflush(stdout);
  std::fflush(stderr);
  ::dup2(kept[0], 1);
  ::dup2(kept[1], 2);
  ::close(kept[0]);
  ::close(kept[1]);
  std::fseek(file, 0, SEEK_END);
  const int64_t size = std::ftell(file);
  std::fclose(file);
  return size;
}

constexpr std::string_view kWords =
    "The others are in the street at 12:21, \xC3\xA9\xE5\xAD\x97 \xF0\x9F\x98\x80\n qqqqq A \xEF\xAC\x81 <s></s>";

/// Loads and, where that works, uses a model; the status it ends with.
Status outcome(const std::string& bytes) {
  return error_of([&] {
           const auto tokenizer = Tokenizer::from_bytes(bytes, "mutated");
           const auto ids = tokenizer->encode(kWords);
           tokenizer->decode(ids);
           for (int32_t id = 0; id < tokenizer->size(); id += 7) tokenizer->decode(std::vector<int32_t>{id, 2, id});
         })
      .status();
}

}  // namespace

TEST_SUITE("text/bad_tokenizer") {
  TEST_CASE("every malformed model fails with its own message, every odd one loads") {
    const std::string folder = kData + "/bad/tokenizer/";
    const auto table = read_table(folder + "expected.tsv");
    CHECK(table.size() >= 35);
    int64_t printed = 0;
    for (const auto& row : table) {
      REQUIRE(row.size() == 3);
      Error error(Status::ok, "");
      printed += printed_by([&] {
        error = error_of([&] {
          const auto tokenizer = Tokenizer::from_file(folder + row[0]);
          tokenizer->decode(tokenizer->encode(kWords));
        });
      });
      CAPTURE(row[0]);
      CAPTURE(error.message());
      CHECK(std::string(status_name(static_cast<int32_t>(error.status()))) == row[1]);
      if (error.status() == Status::ok) continue;
      CHECK(error.message().find(row[2]) != std::string::npos);
      CHECK(error.message().starts_with(folder + row[0] + ": "));
      CHECK(error.message().size() < 1024);
    }
    CHECK(printed == 0);
    MESSAGE("files: " << table.size());
  }

  TEST_CASE("a file and a vocabulary above the limits are refused") {
    const std::string bytes(static_cast<size_t>(limits::kTokenizerModelBytes) + 1, '\n');
    CHECK(error_of([&] { Tokenizer::from_bytes(bytes, "t"); }).status() == Status::limit);
    std::string pieces;  // 2^20 + 1 pieces of 9 bytes
    for (int64_t i = 0; i <= limits::kTokenizerPieces; ++i) {
      const char letters[] = {static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26 % 26),
                              static_cast<char>('a' + i / 676 % 26), static_cast<char>('a' + i / 17576 % 26),
                              static_cast<char>('a' + i / 456976 % 26)};
      pieces += {'\n', 7, '\n', 5};
      pieces.append(letters, 5);
    }
    const auto error = error_of([&] { Tokenizer::from_bytes(pieces, "t"); });
    CHECK(error.status() == Status::limit);
    CHECK(error.message() == "t: more than 1048576 pieces");
  }

  TEST_CASE("a map above the limit is refused before it is walked") {
    SentencePieceModel model = read_model(read_file(kData + "/golden/text/test_tokenizer.model"), "t");
    model.normalizer_map.assign(static_cast<size_t>(limits::kNormalizerMapBytes) + 1, '\0');
    CHECK(error_of([&] { Tokenizer::from_bytes(write_model(model), "t"); }).status() == Status::limit);
  }

  TEST_CASE("what is written for sentencepiece reads back as the same model") {
    const std::string bytes = read_file(kData + "/golden/text/test_tokenizer.model");
    const SentencePieceModel model = read_model(bytes, "t");
    const SentencePieceModel again = read_model(write_model(model), "t");
    REQUIRE(again.pieces.size() == model.pieces.size());
    for (size_t i = 0; i < model.pieces.size(); ++i) {
      CHECK(again.pieces[i].text == model.pieces[i].text);
      CHECK(again.pieces[i].score == model.pieces[i].score);
      CHECK(again.pieces[i].kind == model.pieces[i].kind);
    }
    CHECK(write_model(again) == write_model(model));
    CHECK(again.remove_extra_blanks == model.remove_extra_blanks);
    CHECK(again.byte_fallback);
  }

  TEST_CASE("mutated models end with a status and print nothing") {
    const std::string folder = kData + "/bad/tokenizer/";
    const std::array<std::string, 5> seeds = {read_file(kData + "/golden/text/test_tokenizer.model"),
                                              read_file(folder + "good.model"), read_file(folder + "good-map.model"),
                                              read_file(folder + "good-prefix-chain-64.model"),
                                              read_file(folder + "good-bytes.model")};
    std::mt19937 random(20250101);
    std::map<std::string, int> statuses;
    const auto printed = printed_by([&] {
      for (int round = 0; round < 3000; ++round) {
        std::string bytes = seeds[static_cast<size_t>(round) % seeds.size()];
        // three in four change bytes anywhere; one in four near the end, where the settings and the map lie
        const size_t from = round % 4 == 3 ? bytes.size() - std::min<size_t>(bytes.size(), 80) : 0;
        for (uint32_t n = 1 + random() % 16; n > 0; --n)
          bytes[from + random() % (bytes.size() - from)] = static_cast<char>(random());
        if (round % 10 == 9) bytes.resize(random() % bytes.size());
        ++statuses[status_name(static_cast<int32_t>(outcome(bytes)))];
      }
    });
    CHECK(printed == 0);
    CHECK(statuses["INTERNAL"] == 0);
    for (const auto& [status, count] : statuses) MESSAGE("mutated models: " << status << " " << count);
  }
}
