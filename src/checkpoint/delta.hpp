// Delta weights: LLaVA v0 and v1.1 were published as the difference to LLaMA, which could not be passed on.
#pragma once

#include <string>

#include "checkpoint/weight_output.hpp"

namespace llava::core {

/// Writes base + delta to the folder `target`, tensor by tensor, with the delta's configuration and tokenizer.
///
///   base   a LLaMA in Hugging Face's format, the one the delta was made from
///   delta  the published difference; tensors of the projector (and a vision tower) are new and copied. Token
///          embeddings and head may have more rows than the base: those too are copied
///
/// The sum is taken in f32 and rounded to the delta's type, which is what adding f16 to f16 gives.
/// Throws Error(format) naming up to ten tensors of each kind that do not pair up; what opening and writing throw.
/// Source: LLaVA c121f04, llava/model/apply_delta.py.
void merge_delta(const std::string& base, const std::string& delta, const std::string& target,
                 const SaveOptions& options);

}  // namespace llava::core
