// Pictures that do not come from files: raw pixels and data URIs.
#include <algorithm>
#include <limits>

#include "image/content_hash.hpp"
#include "image/data_uri.hpp"
#include "image/decode.hpp"
#include "image/fixtures.hpp"
#include "image/raw_pixels.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace fixtures;

namespace {

using Bytes = std::vector<uint8_t>;

Status status_of_uri(std::string_view uri) {
  return error_of([&] { decode_data_uri(uri, 100); }).status();
}

Error pixels_error(const void* pixels, int64_t width, int64_t height, int64_t stride, int32_t format = 1) {
  return error_of([&] { picture_from_pixels(pixels, width, height, stride, static_cast<PixelFormat>(format)); });
}

std::string encode_base64(const Bytes& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t value = 0;
    for (size_t i = 0; i < 3; ++i) value = value << 8 | (at + i < bytes.size() ? bytes[at + i] : 0u);
    for (size_t i = 0; i < 4; ++i) text += at + i > bytes.size() ? '=' : kDigits[value >> (18 - 6 * i) & 63];
  }
  return text;
}

}  // namespace

TEST_SUITE("image/raw pixels") {
  TEST_CASE("every format gives the same colour") {
    const Bytes gray{7}, rgb{1, 2, 3}, bgr{3, 2, 1}, rgba{1, 2, 3, 9}, bgra{3, 2, 1, 9}, argb{9, 1, 2, 3};
    CHECK(picture_from_pixels(gray.data(), 1, 1, 0, PixelFormat::gray8).rgb == Bytes{7, 7, 7});
    CHECK(picture_from_pixels(rgb.data(), 1, 1, 0, PixelFormat::rgb24).rgb == rgb);
    CHECK(picture_from_pixels(bgr.data(), 1, 1, 0, PixelFormat::bgr24).rgb == rgb);
    CHECK(picture_from_pixels(rgba.data(), 1, 1, 0, PixelFormat::rgba32).rgb == rgb);
    CHECK(picture_from_pixels(bgra.data(), 1, 1, 0, PixelFormat::bgra32).rgb == rgb);
    CHECK(picture_from_pixels(argb.data(), 1, 1, 0, PixelFormat::argb32).rgb == rgb);
    CHECK(picture_from_pixels(rgba.data(), 1, 1, 0, PixelFormat::rgbx32).rgb == rgb);
  }

  TEST_CASE("gaps between rows are skipped, and a negative stride reads bottom-up") {
    const Bytes rows{1, 2, 99, 99, 3, 4};  // two grey rows of two pixels, four bytes apart
    CHECK(picture_from_pixels(rows.data(), 2, 2, 4, PixelFormat::gray8).rgb ==
          Bytes{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4});
    CHECK(picture_from_pixels(rows.data() + 4, 2, 2, -4, PixelFormat::gray8).rgb ==
          Bytes{3, 3, 3, 4, 4, 4, 1, 1, 1, 2, 2, 2});
  }

  TEST_CASE("wrong arguments are named") {
    const Bytes pixels(100);
    constexpr auto kLeast = std::numeric_limits<int64_t>::min(), kMost = std::numeric_limits<int64_t>::max();
    CHECK(pixels_error(nullptr, 1, 1, 0).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 0, 1, 0).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 1, -1, 0).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 2, 2, 5).message() == "stride_bytes is 5, a row takes 6");
    CHECK(pixels_error(pixels.data(), 2, 2, -5).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 2, 2, kLeast).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 2, 2, kMost).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 2, 2, 0, 7).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 2, 2, 0, -1).status() == Status::argument);
    CHECK(pixels_error(pixels.data(), 65536, 1, 0).status() == Status::limit);
    CHECK(pixels_error(pixels.data(), 65535, 65535, 0).status() == Status::limit);
    CHECK(pixels_error(pixels.data(), kMost, kMost, 0).status() == Status::limit);
  }

  TEST_CASE("the hash names what is seen, not how it came") {
    const Bytes rgb{1, 2, 3, 4, 5, 6}, bgr{3, 2, 1, 6, 5, 4};
    const auto one = picture_from_pixels(rgb.data(), 2, 1, 0, PixelFormat::rgb24);
    const auto same = picture_from_pixels(bgr.data(), 2, 1, 0, PixelFormat::bgr24);
    const auto turned = picture_from_pixels(rgb.data(), 1, 2, 0, PixelFormat::rgb24);
    CHECK(content_hash(one) == content_hash(same));
    CHECK(content_hash(one) != content_hash(turned));
    CHECK(content_hash(one).size() == 64);
  }
}

TEST_SUITE("image/data uri") {
  TEST_CASE("base64 of every length is read, whatever the declared type") {
    for (size_t count = 1; count < 20; ++count) {
      Bytes bytes(count);
      for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i * 37 + 200);
      CHECK(decode_data_uri("data:image/png;base64," + encode_base64(bytes)) == bytes);
      CHECK(decode_data_uri("DATA:text/plain;charset=x;BASE64," + encode_base64(bytes)) == bytes);
    }
  }

  TEST_CASE("a picture in a data URI is a picture") {
    const auto bytes = picture_bytes("photo.png");
    const auto read = decode_data_uri("data:;base64," + encode_base64(bytes));
    CHECK(decode_picture(read, "picture").width == 47);
  }

  TEST_CASE("bad base64 is a format error") {
    for (const auto* text : {"data:image/png;base64", "data:;base64,", "data:;base64,A", "data:;base64,AA",
                             "data:;base64,AAA", "data:;base64,AA A", "data:;base64,AAA\n", "data:;base64,AA-_",
                             "data:;base64,A===", "data:;base64,====", "data:;base64,AA=A",
                             "data:;base64,AAAA=", "data:;base64,AB==", "data:;base64,AAB=", "data:;base64,AA==AAAA",
                             "", "picture.png", "iVBORw0KGgo="}) {
      CAPTURE(text);
      CHECK(status_of_uri(text) == Status::format);
    }
  }

  TEST_CASE("addresses are never fetched") {
    for (const auto* text : {"http://example.org/cat.jpg", "https://example.org/cat.jpg", "file:///etc/passwd",
                             "FILE:///etc/passwd", "ftp://example.org/", "data:image/svg+xml,%3Csvg%3E"}) {
      CAPTURE(text);
      CHECK(status_of_uri(text) == Status::unsupported);
    }
  }

  TEST_CASE("the length is judged before decoding") {
    CHECK(status_of_uri("data:;base64," + std::string(132, 'A') + "AA==") == Status::ok);  // 100 bytes
    CHECK(status_of_uri("data:;base64," + std::string(132, 'A') + "AAA=") == Status::limit);
    CHECK(status_of_uri("data:;base64," + std::string(1 << 20, '!')) == Status::limit);
  }
}
