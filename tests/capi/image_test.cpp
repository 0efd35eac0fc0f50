// Pictures through the C ABI. What the decoders do with damaged files is tested in tests/image.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "fixture.hpp"

namespace {

llava_status load(const std::string& path, const llava_image_options* options = nullptr) {
  Owned<llava_image> image;
  return llava_image_from_file(path.c_str(), options, image.out());
}

llava_status pixels(int32_t width, int32_t height, int64_t stride, int32_t format, const void* data) {
  Owned<llava_image> image;
  return llava_image_from_pixels(data, width, height, stride, format, image.out());
}

std::vector<unsigned char> read_back(const llava_image* image, int32_t format) {
  size_t needed = 0;
  REQUIRE(llava_image_pixels(image, format, nullptr, 0, &needed) == LLAVA_OK);
  std::vector<unsigned char> bytes(needed);
  REQUIRE(llava_image_pixels(image, format, bytes.data(), bytes.size(), &needed) == LLAVA_OK);
  return bytes;
}

}  // namespace

TEST_SUITE("capi/image") {
  TEST_CASE("files that are missing, folders, pipes, empty, no pictures") {
    const auto& folder = fixture().folder;
    CHECK(load(folder + "/missing.png") == LLAVA_ERR_NOT_FOUND);
    CHECK(load(folder + "/missing/deeper.png") == LLAVA_ERR_NOT_FOUND);
    CHECK(load(folder) == LLAVA_ERR_IO);
    REQUIRE(mkfifo((folder + "/pipe").c_str(), 0600) == 0);
    CHECK(load(folder + "/pipe") == LLAVA_ERR_IO);
    std::ofstream(folder + "/empty.png").close();
    CHECK(load(folder + "/empty.png") == LLAVA_ERR_FORMAT);
    std::ofstream(folder + "/words.png") << "this is no picture, whatever its name says";
    CHECK(load(folder + "/words.png") == LLAVA_ERR_FORMAT);
  }

  TEST_CASE("limits are looked at before decoding") {
    auto options = defaults<llava_image_options>();
    options.max_bytes = 100;
    CHECK(load(fixture().picture_path, &options) == LLAVA_ERR_LIMIT);
    initialise(options);
    options.max_pixels = 100;
    CHECK(load(fixture().picture_path, &options) == LLAVA_ERR_LIMIT);
  }

  TEST_CASE("file, memory and data URI give the same picture") {
    auto& f = fixture();
    Owned<llava_image> memory, uri;
    REQUIRE(llava_image_from_memory(f.picture_bytes.data(), f.picture_bytes.size(), nullptr, memory.out()) == LLAVA_OK);
    REQUIRE(llava_image_from_data_uri(f.uri.c_str(), nullptr, uri.out()) == LLAVA_OK);
    Sized<llava_image_desc> a, b, c, probe;
    REQUIRE(llava_image_info(f.image, a.get()) == LLAVA_OK);
    REQUIRE(llava_image_info(memory, b.get()) == LLAVA_OK);
    REQUIRE(llava_image_info(uri, c.get()) == LLAVA_OK);
    CHECK(std::strlen(a->sha256) == 64);
    CHECK(std::string(a->sha256) == b->sha256);
    CHECK(std::string(a->sha256) == c->sha256);
    CHECK(a->source == LLAVA_IMAGE_JPEG);
    REQUIRE(llava_image_probe(f.picture_bytes.data(), f.picture_bytes.size(), probe.get()) == LLAVA_OK);
    CHECK(probe->width == a->width);
    CHECK(probe->height == a->height);
    CHECK(std::string(probe->sha256).empty());
  }

  TEST_CASE("nothing is fetched, and bad base64 is refused") {
    Owned<llava_image> image;
    for (const char* address : {"http://example.org/a.png", "https://example.org/a.png", "file:///etc/passwd"})
      CHECK(llava_image_from_data_uri(address, nullptr, image.out()) == LLAVA_ERR_UNSUPPORTED);
    for (const char* text : {"data:image/png;base64", "data:image/png;base64,!!!!", "data:image/png;base64,QQ"})
      CHECK(llava_image_from_data_uri(text, nullptr, image.out()) == LLAVA_ERR_FORMAT);
  }

  TEST_CASE("raw pixels come back as they went in, in every layout") {
    unsigned char bytes[4 * 6];
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = static_cast<unsigned char>(i * 9);
    for (int32_t format = LLAVA_PIXELS_RGB24; format <= LLAVA_PIXELS_RGBX32; ++format) {
      CAPTURE(format);
      const size_t step = format <= LLAVA_PIXELS_BGR24 ? 3 : 4;
      Owned<llava_image> image;
      REQUIRE(llava_image_from_pixels(bytes, 3, 2, 0, format, image.out()) == LLAVA_OK);
      const auto back = read_back(image, format);
      REQUIRE(back.size() == step * 6);
      const size_t alpha = step == 3 ? 9 : format == LLAVA_PIXELS_ARGB32 ? 0 : 3;
      for (size_t i = 0; i < back.size(); ++i) CHECK(back[i] == (i % step == alpha ? 255 : bytes[i]));
    }
  }

  TEST_CASE("a negative stride turns bottom-up memory") {
    const unsigned char rows[2][4] = {{1, 2, 3, 0}, {7, 8, 9, 0}};
    Owned<llava_image> image;
    REQUIRE(llava_image_from_pixels(rows[1], 1, 2, -4, LLAVA_PIXELS_RGB24, image.out()) == LLAVA_OK);
    CHECK(read_back(image, LLAVA_PIXELS_RGB24) == std::vector<unsigned char>{7, 8, 9, 1, 2, 3});
  }

  TEST_CASE("extreme sizes are fine, impossible ones are refused") {
    const std::vector<unsigned char> row(65535);
    CHECK(pixels(1, 65535, 0, LLAVA_PIXELS_GRAY8, row.data()) == LLAVA_OK);
    CHECK(pixels(65535, 1, 0, LLAVA_PIXELS_GRAY8, row.data()) == LLAVA_OK);
    CHECK(pixels(65535, 65535, 0, LLAVA_PIXELS_GRAY8, row.data()) == LLAVA_ERR_LIMIT);
    CHECK(pixels(2, 2, 5, LLAVA_PIXELS_RGB24, row.data()) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(pixels(2, 2, -5, LLAVA_PIXELS_RGB24, row.data()) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("a buffer that is too small is not written to") {
    unsigned char small[4] = {1, 2, 3, 4};
    size_t needed = 0;
    CHECK(llava_image_pixels(fixture().image, LLAVA_PIXELS_RGB24, small, sizeof small, &needed) ==
          LLAVA_ERR_BUFFER_TOO_SMALL);
    CHECK(needed > sizeof small);
    CHECK(small[0] == 1);
  }
}
