// LLaVA-NeXT through the C ABI: positions of a picture before and after encoding, tiles as pixels, whose rule is used.
#include <string>

#include "fixture.hpp"

namespace {

const std::string kNext = LLAVA_TEST_DATA "/checkpoints/golden/hf_next";

struct Next {
  explicit Next(int32_t rule = LLAVA_TILES_AUTO) {
    llava_load_options options;
    REQUIRE(llava_load_options_init(&options, sizeof options) == LLAVA_OK);
    options.tile_rule = rule;
    options.device = "cpu";
    REQUIRE(llava_load(kNext.c_str(), &options, model.out()) == LLAVA_OK);
  }
  int64_t tokens(const llava_image* image) const {
    int64_t count = -1;
    REQUIRE(llava_image_tokens(model, image, &count) == LLAVA_OK);
    return count;
  }
  Owned<llava_model> model;
};

/// A grey picture.
struct Grey {
  Grey(int32_t width, int32_t height) {
    const std::vector<uint8_t> bytes(static_cast<size_t>(width) * static_cast<size_t>(height) * 3, 77);
    REQUIRE(llava_image_from_pixels(bytes.data(), width, height, 0, LLAVA_PIXELS_RGB24, image.out()) == LLAVA_OK);
  }
  Owned<llava_image> image;
};

}  // namespace

TEST_SUITE("capi/tiles") {
  TEST_CASE("what a picture takes is known before it is encoded, and is what encoding makes") {
    const Next next;
    Sized<llava_limits> limits;
    REQUIRE(llava_model_limits(next.model, limits.get()) == LLAVA_OK);
    CHECK(limits->tokens_per_image == 36 + 12 * 13);
    const Grey wide(97, 31), square(50, 50);
    CHECK(next.tokens(wide.image) == 150);
    CHECK(next.tokens(square.image) == limits->tokens_per_image);
    const llava_image* const both[] = {wide.image, square.image};
    llava_embedding* made[2] = {};
    REQUIRE(llava_encode_images(next.model, both, 2, nullptr, made) == LLAVA_OK);
    for (const int i : {0, 1}) {
      const Owned<llava_embedding> owned(made[i]);
      Sized<llava_embedding_desc> desc;
      REQUIRE(llava_embedding_info(owned, desc.get()) == LLAVA_OK);
      CHECK(desc->tokens == next.tokens(both[i]));
    }
    int64_t plain = 0;
    REQUIRE(llava_image_tokens(fixture().model, wide.image, &plain) == LLAVA_OK);
    CHECK(plain == 9);
  }

  TEST_CASE("a dialogue is counted with the size of each picture") {
    const Next next;
    const Grey wide(97, 31), tall(1, 200);
    Owned<llava_message> with, without;
    REQUIRE(llava_message_create(LLAVA_ROLE_USER, with.out()) == LLAVA_OK);
    REQUIRE(llava_message_add_image(with, wide.image) == LLAVA_OK);
    REQUIRE(llava_message_add_image(with, tall.image) == LLAVA_OK);
    REQUIRE(llava_message_add_text(with, "both") == LLAVA_OK);
    const llava_message* const list[] = {with};
    int64_t tokens = 0;
    size_t ids = 0;
    REQUIRE(llava_count_tokens(next.model, list, 1, &tokens) == LLAVA_OK);
    REQUIRE(llava_prompt_ids(next.model, list, 1, nullptr, nullptr, 0, &ids) == LLAVA_OK);
    CHECK(tokens == static_cast<int64_t>(ids) - 2 + next.tokens(wide.image) + next.tokens(tall.image));
  }

  TEST_CASE("pixels are the tiles") {
    const Next next;
    const Grey wide(97, 31);
    Owned<llava_tensor> tensor;
    REQUIRE(llava_image_preprocess(next.model, wide.image, nullptr, tensor.out()) == LLAVA_OK);
    Sized<llava_tensor_desc> desc;
    REQUIRE(llava_tensor_info(tensor, desc.get()) == LLAVA_OK);
    REQUIRE(desc->rank == 4);
    CHECK(desc->shape[0] == 4);
    CHECK(desc->shape[3] == 18);
  }

  TEST_CASE("features lie tile after tile, and the class token is kept only before packing") {
    const Next next;
    const Grey wide(97, 31);
    llava_encode_options options;
    REQUIRE(llava_encode_options_init(&options, sizeof options) == LLAVA_OK);
    options.class_token = 1;
    Owned<llava_embedding> embedding;
    CHECK(llava_encode_image(next.model, wide.image, &options, embedding.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(std::string(llava_last_error()).find("class_token") != std::string::npos);
    options.output = LLAVA_ENCODE_FEATURES;
    REQUIRE(llava_encode_image(next.model, wide.image, &options, embedding.out()) == LLAVA_OK);
    Sized<llava_embedding_desc> desc;
    REQUIRE(llava_embedding_info(embedding, desc.get()) == LLAVA_OK);
    CHECK(desc->tokens == 4 * 37);
  }

  TEST_CASE("the rule is chosen by the options") {
    const Next hf, original(LLAVA_TILES_ORIGINAL), same(LLAVA_TILES_HF);
    const Grey tiny(9, 6);
    CHECK(hf.tokens(tiny.image) == 102);
    CHECK(same.tokens(tiny.image) == 102);
    CHECK(original.tokens(tiny.image) == 64);
    Owned<llava_string> info;
    REQUIRE(llava_model_info_json(original.model, info.out()) == LLAVA_OK);
    CHECK(std::string(llava_string_data(info)).find("\"rule\":\"original\"") != std::string::npos);
  }
}
