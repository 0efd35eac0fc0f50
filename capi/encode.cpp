// include/llava/encode.h: pictures to embeddings.
#include <llava/encode.h>

#include <c10/core/InferenceMode.h>

#include "arguments.hpp"
#include "base/limits.hpp"
#include "options_calls.hpp"

using namespace llava::capi;
using llava::core::Bundle;
using llava::core::Cancel;
using llava::core::cat;
using llava::core::Error;
using llava::core::ImageEmbedding;
using llava::core::Picture;
using llava::core::Status;

namespace {

constexpr size_t kGroup = 8;  // pictures in one pass through the tower

bool as_configured(const llava_encode_options& settings) {
  return settings.output == LLAVA_ENCODE_PROJECTED && settings.layer == LLAVA_LAYER_CONFIGURED &&
         settings.class_token < 0;
}

// Another layer, the class token, or features before the projector.
std::vector<ImageEmbedding> encode_chosen(const Bundle& bundle, const std::vector<const Picture*>& pictures,
                                          const llava_encode_options& settings, const Cancel& cancel) {
  llava::core::FeatureChoice choice;
  if (settings.layer != LLAVA_LAYER_CONFIGURED) choice.layer = settings.layer;
  if (settings.class_token >= 0) choice.keep_class_token = settings.class_token == 1;
  if (choice.layer) bundle.config.vision_blocks_for(*choice.layer);  // refuses before any work
  std::vector<ImageEmbedding> all;
  for (size_t begin = 0; begin < pictures.size(); begin += kGroup) {
    const std::vector<const Picture*> group(
        pictures.begin() + static_cast<ptrdiff_t>(begin),
        pictures.begin() + static_cast<ptrdiff_t>(std::min(begin + kGroup, pictures.size())));
    auto rows = bundle.model->vision_features(picture_pixels(bundle, group, cancel), choice, cancel);
    if (settings.output == LLAVA_ENCODE_PROJECTED) rows = bundle.model->project(rows);
    for (int64_t i = 0; i < rows.size(0); ++i) all.push_back({rows.select(0, i).clone(), "", bundle.fingerprint});
  }
  return all;
}

void encode(llava_model* model, std::span<const llava_image* const> images, bool list,
            const llava_encode_options* options, llava_embedding** out) {
  const Operation running;
  const c10::InferenceMode no_gradients;
  const auto object = get(model, "model");
  const auto settings = read_options(options);
  const CancelUse use(settings.cancel);
  use.cancel().poll("encode");
  std::vector<std::shared_ptr<ImageObject>> held;
  std::vector<const Picture*> pictures;
  for (size_t i = 0; i < images.size(); ++i) {
    held.push_back(get(images[i], list ? cat("images[", i, "]").c_str() : "image"));
    pictures.push_back(held.back()->picture.get());
  }
  auto rows = as_configured(settings) ? encode_pictures(*object->bundle, pictures, use.cancel())
                                      : encode_chosen(*object->bundle, pictures, settings, use.cancel());
  std::vector<std::shared_ptr<EmbeddingObject>> made;
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].picture = held[i]->hash();
    made.push_back(
        std::make_shared<EmbeddingObject>(std::make_shared<const ImageEmbedding>(std::move(rows[i])), settings.output));
  }
  for (size_t i = 0; i < made.size(); ++i) out[i] = wrap<llava_embedding>(made[i]);
}

void put(char* to, size_t room, const std::string& text) {
  std::memcpy(to, text.data(), std::min(text.size(), room - 1));
}

}  // namespace

LLAVA_OPTIONS(encode)

llava_status llava_image_preprocess(llava_model* model, const llava_image* image, llava_cancel* cancel,
                                    llava_tensor** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(model, "model");
    const auto picture = get(image, "image");
    const CancelUse use(cancel);
    use.cancel().poll("preprocessing");
    const auto pixels = picture_pixels(*object->bundle, {picture->picture.get()}, use.cancel());
    *out = new_tensor(pixels.select(0, 0));
  });
}

llava_status llava_encode_image(llava_model* model, const llava_image* image, const llava_encode_options* options,
                                llava_embedding** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    encode(model, {&image, 1}, false, options, out);
  });
}

llava_status llava_encode_images(llava_model* model, const llava_image* const* images, int32_t count,
                                 const llava_encode_options* options, llava_embedding** out) {
  const bool sane = out && count > 0 && count <= llava::core::limits::kContext;
  for (int32_t i = 0; sane && i < count; ++i) out[i] = nullptr;
  return guarded({}, [&] {
    const auto list = list_argument(images, count, "images", "count", 1, llava::core::limits::kContext);
    required(out, "out");
    encode(model, list, true, options, out);
  });
}

llava_status llava_embedding_info(const llava_embedding* embedding, llava_embedding_desc* out) {
  return guarded({}, [&] {
    const auto object = get(embedding, "embedding");
    llava_embedding_desc desc = {};
    desc.output = object->output;
    desc.tokens = static_cast<int32_t>(object->rows->rows_PD.size(0));
    desc.width = static_cast<int32_t>(object->rows->rows_PD.size(1));
    put(desc.image_sha256, sizeof desc.image_sha256, object->rows->picture);
    put(desc.model_fingerprint, sizeof desc.model_fingerprint, object->rows->fingerprint);
    fill_struct(out, desc, "llava_embedding_desc");
  });
}

llava_status llava_embedding_tensor(const llava_embedding* embedding, llava_tensor** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    *out = new_tensor(get(embedding, "embedding")->rows->rows_PD);
  });
}

LLAVA_COUNTED(embedding)
