// include/llava/encode.h: pictures to embeddings.
#include <llava/encode.h>

#include <c10/core/InferenceMode.h>

#include "adapter_choice.hpp"
#include "arguments.hpp"
#include "base/limits.hpp"
#include "options_calls.hpp"

using namespace llava::capi;
using llava::core::Bundle;
using llava::core::Cancel;
using llava::core::cat;
using llava::core::Error;
using llava::core::HashedPicture;
using llava::core::ImageEmbedding;
using llava::core::Picture;
using llava::core::Status;

namespace {

using Pictures = std::vector<std::shared_ptr<const HashedPicture>>;

llava::core::FeatureChoice feature_choice(const llava_encode_options& settings, const Bundle& bundle) {
  llava::core::FeatureChoice choice;
  if (settings.layer != LLAVA_LAYER_CONFIGURED) choice.layer = settings.layer;
  if (settings.class_token >= 0) choice.keep_class_token = settings.class_token == 1;
  if (choice.layer) bundle.config.vision_blocks_for(*choice.layer);  // refuses before any work
  return choice;
}

std::vector<std::shared_ptr<EmbeddingObject>> encode_all(const Bundle& bundle, const Pictures& pictures,
                                                         const llava_encode_options& settings, const Cancel& cancel) {
  const auto choice = feature_choice(settings, bundle);
  const bool projected = settings.output == LLAVA_ENCODE_PROJECTED;
  std::vector<std::shared_ptr<EmbeddingObject>> all;
  std::vector<const Picture*> plain;
  for (const auto& picture : pictures) plain.push_back(picture.get());
  for (auto& rows : encode_rows(bundle, plain, cancel, choice, projected)) {
    const auto& hash = pictures[all.size()]->hash(cancel);
    auto made =
        std::make_shared<const ImageEmbedding>(ImageEmbedding{std::move(rows), hash, bundle.image_fingerprint, {}});
    all.push_back(std::make_shared<EmbeddingObject>(std::move(made), settings.output));
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
  const auto chosen = chosen_bundle(*object, settings.adapter, settings.adapter_scale);
  use.cancel().poll("encode");
  check_unchanged(*chosen);
  Pictures pictures;
  for (size_t i = 0; i < images.size(); ++i)
    pictures.push_back(get(images[i], list ? cat("images[", i, "]").c_str() : "image")->picture);
  const auto made = encode_all(*chosen, pictures, settings, use.cancel());
  for (size_t i = 0; i < made.size(); ++i) out[i] = wrap<llava_embedding>(made[i]);
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
    const auto chosen = chosen_bundle(*object, nullptr, 1);  // an attached adapter may prepare pictures its own way
    const auto pixels = picture_pixels(*chosen, {picture->picture.get()}, use.cancel());
    *out = new_tensor(chosen->tiling ? pixels : pixels.select(0, 0));
  });
}

llava_status llava_image_tokens(const llava_model* model, const llava_image* image, int64_t* tokens) {
  return guarded(cleared(tokens), [&] {
    required(tokens, "tokens");
    const auto& picture = *get(image, "image")->picture;
    *tokens = get(model, "model")->bundle->image_tokens(picture.width, picture.height);
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
    put_text(desc.image_sha256, object->rows->picture);
    put_text(desc.model_fingerprint, object->rows->fingerprint);
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
