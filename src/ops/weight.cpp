// What may be a weight.
#include "ops/weight.hpp"

#include "ops/check.hpp"

namespace llava::core {

Weight::Weight(at::Tensor stored) : stored_(std::move(stored)) {
  require(stored_.defined() && stored_.dim() == 2, "a weight is a matrix", stored_);
  const auto type = stored_.scalar_type();
  require(type == at::kFloat || type == at::kBFloat16 || type == at::kHalf, "a weight is f32, bf16 or f16", stored_);
  require(stored_.size(1) <= 1 || stored_.stride(1) == 1, "the elements of a weight's row are adjacent", stored_);
}

}  // namespace llava::core
