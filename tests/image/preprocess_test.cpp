// Preprocessing beyond the golden files: configurations, extreme shapes, memory.
#include <algorithm>

#include "image/fixtures.hpp"
#include "image/preprocess.hpp"
#include "support/doctest.hpp"

using namespace llava::core;

namespace {

Picture plain(int32_t width, int32_t height, uint8_t value) {
  Picture picture;
  picture.width = width;
  picture.height = height;
  picture.rgb.assign(static_cast<size_t>(width) * static_cast<size_t>(height) * 3, value);
  return picture;
}

Error config_error(std::string_view json) {
  return error_of([&] { parse_preprocess(json, "preprocessor_config.json"); });
}

PreprocessConfig padded(int32_t size) {
  auto config = clip_preprocess(size);
  config.do_pad = true;
  return config;
}

}  // namespace

TEST_SUITE("image/preprocess") {
  TEST_CASE("an empty configuration is CLIP's default") {
    const auto config = parse_preprocess("{}", "x");
    CHECK(config.shortest_edge == 224);
    CHECK(config.crop_height == 224);
    CHECK(config.resample == Resample::bicubic);
    CHECK(config.do_center_crop);
    CHECK_FALSE(config.do_pad);
    CHECK(config.image_mean[2] == 0.40821073);
    CHECK(clip_preprocess(336).crop_width == 336);
  }

  TEST_CASE("the configuration of a published checkpoint is read") {
    const auto config = parse_preprocess(
        R"({"crop_size":{"height":336,"width":336},"do_center_crop":true,"do_convert_rgb":true,"do_normalize":true,
            "do_pad":true,"do_rescale":true,"do_resize":true,"image_mean":[0.48145466,0.4578275,0.40821073],
            "image_processor_type":"LlavaImageProcessorFast","image_std":[0.26862954,0.26130258,0.27577711],
            "processor_class":"LlavaProcessor","resample":3,"rescale_factor":0.00392156862745098,
            "size":{"shortest_edge":336},"return_tensors":null})",
        "x");
    CHECK(config.do_pad);
    CHECK(config.shortest_edge == 336);
    CHECK(config.crop_height == 336);
    const auto older = parse_preprocess(
        R"({"feature_extractor_type":"CLIPFeatureExtractor","size":224,"crop_size":224,"resample":2})", "x");
    CHECK(older.resample == Resample::bilinear);
    const auto square = parse_preprocess(R"({"size":{"height":30,"width":40}})", "x");
    CHECK(square.shortest_edge == 0);
    CHECK(square.height == 30);
    CHECK(square.width == 40);
  }

  TEST_CASE("a wrong value is named with its key, what was found and what was expected") {
    CHECK(config_error(R"({"size":"big"})").message() ==
          R"(preprocessor_config.json: size is "big", expected a number, shortest_edge, or height and width)");
    CHECK(config_error(R"({"crop_size":{"height":0,"width":3}})").message() ==
          "preprocessor_config.json.crop_size: height is 0, expected an integer in 1..4096");
    CHECK(config_error(R"({"do_pad":1})").message() == "preprocessor_config.json: do_pad is 1, expected true or false");
    for (const auto* json : {"",
                             "[]",
                             "{",
                             "null",
                             R"({"resample":6})",
                             R"({"resample":-1})",
                             R"({"resample":2.5})",
                             R"({"size":-1})",
                             R"({"size":1e9})",
                             R"({"size":{"longest_edge":5}})",
                             R"({"size":{"shortest_edge":5,"height":4,"width":3}})",
                             R"({"size":{"height":5}})",
                             R"({"crop_size":{"height":5}})",
                             R"({"crop_size":true})",
                             R"({"image_mean":[1,2]})",
                             R"({"image_mean":[1,2,"3"]})",
                             R"({"image_std":[0,1,1]})",
                             R"({"image_std":-1})",
                             R"({"rescale_factor":0})",
                             R"({"rescale_factor":"1/255"})",
                             R"({"do_resize":"yes"})",
                             R"({"image_processor_type":3})",
                             R"({"do_pad":true,"image_mean":[120,110,100]})",
                             R"({"size":18446744073709551615})"}) {
      CAPTURE(json);
      CHECK(config_error(json).status() == Status::format);
    }
    CHECK(config_error(R"({"image_processor_type":"LlavaNextImageProcessor"})").status() == Status::unsupported);
    CHECK(config_error(R"({"x":")" + std::string(2 << 20, 'y') + "\"}").status() == Status::limit);
  }

  TEST_CASE("image_aspect_ratio of original checkpoints pads or does not") {
    auto config = clip_preprocess(336);
    apply_aspect_ratio(config, "pad", "config.json");
    CHECK(config.do_pad);
    apply_aspect_ratio(config, "square", "config.json");
    CHECK_FALSE(config.do_pad);
    CHECK(error_of([&] { apply_aspect_ratio(config, "anyres", "config.json"); }).status() == Status::unsupported);
  }

  TEST_CASE("the padding has the mean's colour, truncated") {
    const auto out = preprocess_u8(plain(1, 9, 255), padded(9));
    CHECK(out.width == 9);
    CHECK(std::equal(out.rgb.begin(), out.rgb.begin() + 3, std::begin({122, 116, 104})));
    CHECK(out.rgb[4 * 3] == 255);
  }

  TEST_CASE("extreme shapes stay small, padded or cropped; slow ones are told") {
    for (const auto& size : {std::pair{1, 65535}, {65535, 1}, {1, 1}, {2, 65535}, {65535, 3}}) {
      const int width = size.first, height = size.second;
      for (const bool pad : {false, true}) {
        for (const auto filter : {Resample::bicubic, Resample::nearest, Resample::lanczos}) {
          CAPTURE(cat(width, " x ", height, " padded ", pad));
          auto config = clip_preprocess(336);
          config.do_pad = pad;
          config.resample = filter;
          const auto start = std::clock();
          const auto out = preprocess_u8(plain(width, height, 200), config);
          WARN(fixtures::cpu_seconds_since(start) < 2.0);
          CHECK(out.width == 336);
          CHECK(out.height == 336);
        }
      }
    }
  }

  TEST_CASE("a plain picture stays plain through every filter") {
    for (int number = 0; number <= 5; ++number) {
      auto config = clip_preprocess(50);
      config.resample = static_cast<Resample>(number);
      const auto out = preprocess_u8(plain(123, 77, 201), config);
      CHECK(std::all_of(out.rgb.begin(), out.rgb.end(), [](uint8_t value) { return value == 201; }));
    }
  }

  TEST_CASE("a result beyond the pixel limit is refused, a broken picture too") {
    auto config = clip_preprocess(336);
    config.do_center_crop = false;
    CHECK(error_of([&] { preprocess_u8(plain(1, 65535, 0), config); }).status() == Status::limit);
    auto broken = plain(4, 4, 0);
    broken.rgb.pop_back();
    CHECK(error_of([&] { preprocess_u8(broken, config); }).status() == Status::argument);
  }

  TEST_CASE("a cancelled token stops preprocessing") {
    CancelToken token;
    token.cancel();
    CHECK(error_of([&] { preprocess(plain(100, 100, 0), clip_preprocess(336), Cancel(&token)); }).status() ==
          Status::cancelled);
  }
}
