// Damaged, hostile and odd files, each with its own status and message; tests/bad/make_pictures.py made them.
#include "base/status.hpp"
#include "image/decode.hpp"
#include "image/fixtures.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace fixtures;

namespace {

bool webp_is_built() {
#ifdef LLAVA_WITH_WEBP
  return true;
#else
  return false;
#endif
}

std::vector<uint8_t> cut(const std::vector<uint8_t>& bytes, size_t percent) {
  return {bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(bytes.size() * percent / 100)};
}

/// A PNG of `width` x `height` grey zeros: 1000 bytes of pixels to one of file.
std::vector<uint8_t> png_header(uint32_t width, uint32_t height) {
  std::vector<uint8_t> bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
  for (const auto value : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
  }
  for (const uint8_t value : {8, 0, 0, 0, 0}) bytes.push_back(value);
  bytes.resize(300'000);  // as large as the real bomb, so that reading it all would show
  return bytes;
}

}  // namespace

TEST_SUITE("image/bad files") {
  TEST_CASE("every bad file gives its own status and message, or is read where it is only odd") {
    const auto rows = read_table("bad/pictures/expected.tsv");
    REQUIRE(rows.size() >= 170);
    for (const auto& row : rows) {
      if (!webp_is_built() && row[0].ends_with(".webp")) continue;
      CAPTURE(row[0]);
      const auto bytes = read_bytes(test_path("bad/pictures/" + row[0]));
      const auto start = std::clock();
      const auto error = error_of([&] { decode_picture(bytes, row[0]); });
      WARN(cpu_seconds_since(start) < 1.0);
      CHECK(std::string(status_name(static_cast<int32_t>(error.status()))) == row[1]);
      if (row[2] == "-") continue;
      CAPTURE(error.message());
      CHECK(error.message().find(row[2]) != std::string::npos);
      CHECK(error.message().starts_with(row[0] + ": "));
      CHECK(error.message().size() < 300);
    }
  }

  TEST_CASE("every file of the folder is in the table") {
    const auto rows = read_table("bad/pictures/expected.tsv");
    CHECK(files_in("bad/pictures").size() == rows.size() + 1);
  }

  TEST_CASE("a file cut off at 1 to 99 percent is refused") {
    for (const std::string name :
         {"baseline-420.jpg", "progressive.jpg", "cmyk-adobe.jpg", "grey.jpg", "photo.png", "type6-16i.png",
          "palette-alpha.png", "colours-256.gif", "bits-24.bmp", "bits-8.bmp", "lossy.webp", "lossless.webp"}) {
      if (!webp_is_built() && name.ends_with(".webp")) continue;
      const auto bytes = picture_bytes(name);
      for (size_t percent = 1; percent < 100; ++percent) {
        CAPTURE(cat(name, " at ", percent, " %"));
        const auto error = error_of([&] { decode_picture(cut(bytes, percent), name); });
        CHECK(error.status() == Status::format);
      }
    }
  }

  TEST_CASE("bombs are refused from the header, in no time") {
    for (const auto& [width, height] :
         {std::pair{10'000u, 10'000u}, {1u << 31, 1u}, {16'000'000u, 1u}, {65'535u, 65'535u}}) {
      const auto bytes = png_header(width, height);
      const auto start = std::clock();
      const auto error = error_of([&] { decode_picture(bytes, "bomb.png"); });
      WARN(cpu_seconds_since(start) < 0.002);
      CHECK(error.status() == Status::limit);
      REQUIRE(error.details().size() == 2);
      CHECK(error.details()[0].name == "found");
      CHECK(error.details()[1].name == "allowed");
    }
  }

  TEST_CASE("limits can be lowered and are exact") {
    const auto bytes = picture_bytes("photo.png");  // 47 x 61
    DecodeOptions options;
    options.max_pixels = 47 * 61;
    CHECK(decode_picture(bytes, "photo.png", options).width == 47);
    options.max_pixels = 47 * 61 - 1;
    CHECK(error_of([&] { decode_picture(bytes, "photo.png", options); }).status() == Status::limit);
    CHECK(error_of([&] { probe_picture(bytes, "photo.png", options); }).status() == Status::limit);

    options = {};
    options.max_bytes = static_cast<int64_t>(bytes.size());
    CHECK(decode_picture(bytes, "photo.png", options).width == 47);
    options.max_bytes -= 1;
    const auto error = error_of([&] { decode_picture(bytes, "photo.png", options); });
    CHECK(error.status() == Status::limit);
    CHECK(error.message() == cat("photo.png: ", bytes.size(), " bytes, at most ", bytes.size() - 1, " allowed"));
  }

  TEST_CASE("a cancelled token stops every format, and the next call succeeds") {
    for (const std::string name :
         {"baseline-420.jpg", "progressive.jpg", "photo.png", "colours-256.gif", "bits-24.bmp", "lossy.webp"}) {
      if (!webp_is_built() && name.ends_with(".webp")) continue;
      CAPTURE(name);
      const auto bytes = picture_bytes(name);
      CancelToken token;
      DecodeOptions options;
      options.cancel = Cancel(&token);
      token.cancel();
      CHECK(error_of([&] { decode_picture(bytes, name, options); }).status() == Status::cancelled);
      token.reset();
      token.set_deadline_ms(0);
      CHECK(error_of([&] { decode_picture(bytes, name, options); }).status() == Status::timeout);
      token.reset();
      CHECK(decode_picture(bytes, name, options).width > 0);
    }
  }

  TEST_CASE("EXIF is applied by default and left alone on request") {
    const auto bytes = picture_bytes("exif-6.jpg");  // stored 21 x 13
    CHECK(decode_picture(bytes, "x").width == 13);
    DecodeOptions options;
    options.apply_exif = false;
    const auto picture = decode_picture(bytes, "x", options);
    CHECK(picture.width == 21);
    CHECK(picture.orientation == 6);
  }
}
