// Embeddings on disk.
#include "embedding_file.hpp"

#include <ATen/ops/empty.h>

#include <cstring>

#include "arguments.hpp"
#include "weights/safetensors.hpp"
#include "weights/safetensors_header.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Status;

namespace {

constexpr const char* kFormat = "llava-embedding";
constexpr const char* kRows = "rows";

const std::string& entry(const std::vector<std::pair<std::string, std::string>>& metadata, std::string_view key,
                         const std::string& path) {
  for (const auto& [name, value] : metadata)
    if (name == key) return value;
  throw Error(Status::format, cat(path, " is no saved embedding: its metadata lacks \"", key, "\""));
}

}  // namespace

void write_embedding(const std::string& path, const EmbeddingObject& embedding) {
  const auto rows_PD = embedding.rows->rows_PD.to(at::kCPU, at::kFloat).contiguous();
  core::TensorView view;
  view.name = kRows;
  view.dtype = core::DType::f32;
  view.shape = rows_PD.sizes().vec();
  view.data = static_cast<const std::byte*>(rows_PD.const_data_ptr());
  view.size_bytes = rows_PD.nbytes();
  core::write_safetensors(path, {&view, 1},
                          {{"format", kFormat},
                           {"output", std::to_string(embedding.output)},
                           {"picture", embedding.rows->picture},
                           {"model", embedding.rows->fingerprint}});
}

std::shared_ptr<EmbeddingObject> read_embedding(const std::string& path, const core::Bundle& bundle) {
  const auto metadata = core::read_safetensors_header(path).metadata;
  if (entry(metadata, "format", path) != kFormat) throw Error(Status::format, cat(path, " is no saved embedding"));
  const auto& model = entry(metadata, "model", path);
  if (model != bundle.image_fingerprint)
    throw Error(Status::unsupported, cat(path, " belongs to the model ", model, ", expected ", bundle.image_fingerprint,
                                         bundle.adapter ? " (with its adapter)" : ""));
  core::OpenOptions open;
  open.map = false;
  const auto tensors = core::open_safetensors(path, open);
  const auto* view = tensors.find(kRows);
  if (!view || view->dtype != core::DType::f32 || view->shape.size() != 2)
    throw Error(Status::format, cat(path, " has no tensor \"rows\" of f32 [tokens, width]"));
  const auto rows_PD = at::empty(view->shape, at::kFloat);
  std::memcpy(rows_PD.mutable_data_ptr(), view->data, view->size_bytes);
  if (entry(metadata, "output", path) == std::to_string(LLAVA_ENCODE_PROJECTED))
    return embedding_of(rows_PD, entry(metadata, "picture", path), bundle);
  auto features = std::make_shared<core::ImageEmbedding>();
  features->rows_PD = rows_PD;
  features->picture = entry(metadata, "picture", path);
  features->fingerprint = bundle.image_fingerprint;
  return std::make_shared<EmbeddingObject>(std::move(features), LLAVA_ENCODE_FEATURES);
}

}  // namespace llava::capi
