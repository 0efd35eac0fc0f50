// Expected values made by transformers (tests/golden/model/make.py), and how far ours may be from them.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "model/parameters.hpp"
#include "weights/safetensors.hpp"

namespace llava::core::testing {

/// One expected.safetensors as tensors.
class Golden {
 public:
  explicit Golden(const std::string& path) : map_(open_safetensors(path, {})) {}

  at::Tensor tensor(const std::string& name) const {
    const auto* view = map_.find(name);
    if (!view) throw Error(Status::not_found, "golden value " + name);
    const auto dtype = view->dtype == DType::i64  ? at::kLong
                       : view->dtype == DType::u8 ? at::kByte
                                                  : scalar_type(view->dtype);
    auto out = at::empty(view->shape, dtype);
    std::memcpy(out.mutable_data_ptr(), view->data, view->size_bytes);
    return out;
  }

  std::vector<int64_t> integers(const std::string& name) const {
    const auto values = tensor(name);
    return {values.const_data_ptr<int64_t>(), values.const_data_ptr<int64_t>() + values.numel()};
  }

 private:
  TensorMap map_;
};

/// max|a - b| / max(1, max|b|), the distance all tolerances are stated in.
inline double distance(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return 1e30;
  const auto far = a.to(at::kDouble).sub(b.to(at::kDouble)).abs().max().item<double>();
  return far / std::max(1.0, b.abs().max().item<double>());
}

}  // namespace llava::core::testing
