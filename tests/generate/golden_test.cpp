// The whole model against transformers, joint by joint, on the tiny random checkpoints of tests/golden/model.
#include <ATen/ops/equal.h>
#include <c10/core/InferenceMode.h>

#include <fstream>
#include <iterator>

#include "base/files.hpp"
#include "base/limits.hpp"
#include "checkpoint/bundle.hpp"
#include "generate/session.hpp"
#include "image/decode.hpp"
#include "model/splice.hpp"
#include "support/doctest.hpp"
#include "support/golden.hpp"

using namespace llava::core;
using testing::distance;
using testing::Golden;

namespace {

const std::string kFolder = LLAVA_TEST_DATA "/golden/model/";
const std::string kModels[] = {"tiny", "tiny_new", "tiny_bf16", "tiny_dynamic"};
const char* const kPictures[] = {"tall.png", "wide.jpg", "palette.png"};

std::string stem(const std::string& file) { return file.substr(0, file.find('.')); }

Picture picture(const char* name) {
  const auto bytes = read_file(kFolder + "pictures/" + name, limits::kPictureBytes, name);
  return decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, name, {});
}

struct Case {
  explicit Case(const std::string& name)
      : bundle(load_bundle(kFolder + name, {})), golden(kFolder + name + "/expected.safetensors") {}

  std::shared_ptr<const Bundle> bundle;
  Golden golden;

  std::vector<at::Tensor> rows_of(int conversation) const {
    std::vector<at::Tensor> rows;
    for (const auto index : golden.integers(cat("conversation.", conversation, ".pictures"))) {
      const auto image = picture(kPictures[index]);
      rows.push_back(encode_pictures(*bundle, {&image}, {})[0].rows_PD);
    }
    return rows;
  }
};

Turn turn_of_ids(const Case& sample, int conversation) {
  TurnPart part;
  part.kind = TurnPart::Kind::ids;
  part.ids = sample.golden.integers(cat("conversation.", conversation, ".ids"));
  for (const auto& rows : sample.rows_of(conversation))
    part.embeddings.push_back(
        std::make_shared<const ImageEmbedding>(ImageEmbedding{rows, "", sample.bundle->fingerprint}));
  Turn turn;
  turn.parts.push_back(part);
  return turn;
}

}  // namespace

TEST_SUITE("golden") {
  TEST_CASE("pixels, vision features and projected rows equal the reference") {
    const c10::InferenceMode no_gradients;
    for (const auto& name : kModels) {
      CAPTURE(name);
      const Case sample(name);
      for (const auto* file : kPictures) {
        CAPTURE(file);
        const auto image = picture(file);
        const auto pixels_N3SS = picture_pixels(*sample.bundle, {&image}, {});
        CHECK(distance(pixels_N3SS[0], sample.golden.tensor("pixels." + stem(file)).squeeze()) <= 1e-6);
        const auto features = sample.bundle->model->vision_features(pixels_N3SS, {}, {});
        CHECK(distance(features.squeeze(), sample.golden.tensor("features." + stem(file)).squeeze()) <= 1e-5);
        CHECK(distance(sample.bundle->model->project(features).squeeze(),
                       sample.golden.tensor("projected." + stem(file)).squeeze()) <= 1e-5);
      }
    }
  }

  TEST_CASE("every hidden state of the vision tower equals the reference") {
    const c10::InferenceMode no_gradients;
    const Case sample("tiny");
    const auto image = picture("wide.jpg");
    const auto pixels_N3SS = picture_pixels(*sample.bundle, {&image}, {});
    const int64_t blocks = sample.bundle->config.needed_vision_blocks();
    for (int64_t i = 0; i <= blocks; ++i)
      CHECK(distance(sample.bundle->model->vision_features(pixels_N3SS, {i, true}, {}).squeeze(),
                     sample.golden.tensor(cat("hidden.", i)).squeeze()) <= 1e-5);
  }

  TEST_CASE("spliced rows and the logits of every position equal the reference") {
    const c10::InferenceMode no_gradients;
    for (const auto& name : kModels) {
      const Case sample(name);
      for (int i = 0; i < 3; ++i) {
        CAPTURE(name);
        CAPTURE(i);
        const auto& model = *sample.bundle->model;
        const auto embeds_LD = model.embed(sample.golden.integers(cat("conversation.", i, ".ids")), sample.rows_of(i));
        CHECK(distance(embeds_LD, sample.golden.tensor(cat("conversation.", i, ".embeds")).squeeze(0)) <= 1e-5);
        auto cache = model.language().new_cache();
        const auto logits_LV = model.language().logits(model.language().forward(embeds_LD, cache, {}));
        CHECK(distance(logits_LV, sample.golden.tensor(cat("conversation.", i, ".logits")).squeeze(0)) <= 1e-4);
      }
    }
  }

  TEST_CASE("64 greedy ids equal the reference, with and without the end mark") {
    for (const std::string name : {"tiny", "tiny_new", "tiny_bf16"}) {
      const Case sample(name);
      for (int i = 0; i < 3; ++i)
        for (const bool ignore_eos : {true, false}) {
          CAPTURE(name);
          CAPTURE(i);
          CAPTURE(ignore_eos);
          auto session = Session::create(sample.bundle, {std::nullopt, "none", 0});
          ChatOptions options;
          options.sampling.temperature = 0;
          options.max_tokens = 64;
          options.ignore_eos = ignore_eos;
          const auto response = session->start(turn_of_ids(sample, i), options)->finish();
          const auto key = cat("conversation.", i, ignore_eos ? ".greedy" : ".greedy_until_end");
          const std::vector<int64_t> ids(response.ids.begin(), response.ids.end());
          CHECK(ids == sample.golden.integers(key));
        }
    }
  }
}
