// Equality with Pillow and transformers, file by file. tests/golden/image/make_image.py wrote the tables.
#include <algorithm>

#include "image/content_hash.hpp"
#include "image/decode.hpp"
#include "image/fixtures.hpp"
#include "image/preprocess.hpp"
#include "image/resize.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace fixtures;

namespace {

/// The bytes that make_image.py calls pattern().
std::vector<uint8_t> pattern(int width, int height) {
  std::vector<uint8_t> bytes(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  uint64_t state = 12345;
  for (auto& byte : bytes) {
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF;
    byte = static_cast<uint8_t>(state >> 16);
  }
  return bytes;
}

bool reads(const std::string& name) {
#ifdef LLAVA_WITH_WEBP
  return !name.empty();
#else
  return !name.ends_with(".webp");
#endif
}

}  // namespace

TEST_SUITE("image/golden") {
  TEST_CASE("decoded pictures equal Pillow's, EXIF applied") {
    const auto rows = read_table("golden/image/pictures.tsv");
    REQUIRE(rows.size() >= 100);
    for (const auto& row : rows) {
      if (!reads(row[0])) continue;
      CAPTURE(row[0]);
      const auto picture = decode_picture(picture_bytes(row[0]), row[0]);
      CHECK(picture.width == std::stoi(row[1]));
      CHECK(picture.height == std::stoi(row[2]));
      CHECK(picture.orientation == std::stoi(row[3]));
      CHECK(content_hash(picture) == row[4]);
    }
  }

  TEST_CASE("a probe tells what decoding would give") {
    for (const auto& row : read_table("golden/image/pictures.tsv")) {
      if (!reads(row[0])) continue;
      CAPTURE(row[0]);
      const auto bytes = picture_bytes(row[0]);
      for (const bool apply : {true, false}) {
        DecodeOptions options;
        options.apply_exif = apply;
        const auto info = probe_picture(bytes, row[0], options);
        const auto picture = decode_picture(bytes, row[0], options);
        CHECK(info.width == picture.width);
        CHECK(info.height == picture.height);
        CHECK(info.format == picture.format);
        CHECK(info.orientation == picture.orientation);
      }
    }
  }

  TEST_CASE("resizing equals Pillow's for every filter, up, down and to odd sizes") {
    const auto rows = read_table("golden/image/resize.tsv");
    REQUIRE(rows.size() == 102);
    for (const auto& row : rows) {
      CAPTURE(cat(row[0], " x ", row[1], " to ", row[2], " x ", row[3], ", filter ", row[4]));
      const int width = std::stoi(row[0]), height = std::stoi(row[1]), to_width = std::stoi(row[2]),
                to_height = std::stoi(row[3]);
      const auto bytes = pattern(width, height);
      const auto filter = static_cast<Resample>(std::stoi(row[4]));
      const auto out =
          resize(canvas_of(bytes, width, height), to_width, to_height, filter, {0, 0, to_width, to_height});
      CHECK(sha256(out.data(), out.size()) == row[5]);
    }
  }

  TEST_CASE("preprocessing equals transformers', bytes and floats bit by bit") {
    const auto rows = read_table("golden/image/preprocess.tsv");
    REQUIRE(rows.size() >= 105);
    for (const auto& row : rows) {
      CAPTURE(cat(row[0], " ", row[1]));
      const auto picture = decode_picture(picture_bytes(row[1]), row[1]);
      const auto config = parse_preprocess(row[6], "preprocessor_config.json");
      const auto bytes = preprocess_u8(picture, config);
      CHECK(bytes.height == std::stoi(row[2]));
      CHECK(bytes.width == std::stoi(row[3]));
      CHECK(sha256(bytes.rgb.data(), bytes.rgb.size()) == row[4]);
      const auto pixels = preprocess(picture, config);
      CHECK(sha256(pixels.values.data(), pixels.values.size() * sizeof(float)) == row[5]);
    }
  }
}
