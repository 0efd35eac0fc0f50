// include/llava/encode.h: embeddings from tensors and files.
#include <ATen/ops/isfinite.h>
#include <llava/encode.h>

#include "arguments.hpp"
#include "embedding_file.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;

namespace llava::capi {

std::shared_ptr<EmbeddingObject> embedding_of(const at::Tensor& rows, std::string picture, const core::Bundle& bundle) {
  const auto width = bundle.config.language.width;
  if (rows.dim() != 2 || rows.size(1) != width) {
    const auto sizes = rows.sizes().vec();
    throw Error(Status::argument, cat("the tensor is ", core::shape_text(sizes), ", expected [tokens, ", width, "]"));
  }
  if (!rows.isfinite().all().item<bool>())
    throw Error(Status::argument, "the tensor holds NaN or infinity, expected finite numbers");
  auto made = std::make_shared<core::ImageEmbedding>();
  made->rows_PD = rows.to(bundle.model->device(), bundle.model->dtype(), /*non_blocking=*/false, /*copy=*/true);
  made->picture = std::move(picture);
  made->fingerprint = bundle.image_fingerprint;
  return std::make_shared<EmbeddingObject>(std::move(made), LLAVA_ENCODE_PROJECTED);
}

}  // namespace llava::capi

llava_status llava_embedding_from_tensor(llava_model* model, const llava_tensor* tensor, llava_embedding** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(model, "model");
    *out = wrap<llava_embedding>(embedding_of(get(tensor, "tensor")->tensor, "", *object->adapters->current()));
  });
}

llava_status llava_embedding_save(const llava_embedding* embedding, const char* path) {
  return guarded({}, [&] {
    const Operation running;
    const auto object = get(embedding, "embedding");
    write_embedding(path_argument(path, "path"), *object);
  });
}

llava_status llava_embedding_load(llava_model* model, const char* path, llava_embedding** out) {
  return guarded(cleared(out), [&] {
    const Operation running;
    required(out, "out");
    const auto object = get(model, "model");
    *out = wrap<llava_embedding>(read_embedding(path_argument(path, "path"), *object->adapters->current()));
  });
}
