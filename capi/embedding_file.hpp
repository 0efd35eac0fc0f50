// Embeddings as safetensors files: one tensor "rows", and in the metadata where they come from.
#pragma once

#include <memory>
#include <string>

#include "objects.hpp"

namespace llava::capi {

/// Rows [tokens, D] for the language model of `bundle`. Throws Error(argument) for another shape or numbers that are
/// not finite.
std::shared_ptr<EmbeddingObject> embedding_of(const at::Tensor& rows, std::string picture, const core::Bundle& bundle);

/// Written beside and renamed. Throws Error(not_found, io).
void write_embedding(const std::string& path, const EmbeddingObject& embedding);

/// Throws Error(not_found, io, format), Error(unsupported) for a file of another model.
std::shared_ptr<EmbeddingObject> read_embedding(const std::string& path, const core::Bundle& bundle);

}  // namespace llava::capi
