// Writing weights to a folder: shards and their index, one tensor in memory at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/dtype.hpp"
#include "checkpoint/checkpoint.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

/// A tensor to write. `make` gives its values: [shape] of dtype, contiguous, on the CPU; called once, when it is due.
struct OutputTensor {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::function<at::Tensor()> make;
};

struct SaveOptions {
  std::string layout;                   // "hf", "original"; "" keeps the one there is ("hf" for "hf-5" and "parts")
  std::optional<at::ScalarType> dtype;  // f32, f16, bf16; nullopt keeps what is stored
  int64_t shard_bytes = 5'000'000'000;  // a file holds at most so many bytes of tensors, unless one alone is larger
  bool overwrite = false;               // a model folder of that name may give way
  Cancel cancel;
  std::function<void(const LoadProgress&)> progress;  // phase "save"; may throw to stop
};

/// A stored tensor as it is, or with its numbers converted: `dtype` for f32, f16 and bf16, others stay. Borrows `view`.
OutputTensor output_of(std::string name, const TensorView& view, std::optional<at::ScalarType> dtype);

/// The numbers of a view as a tensor: without a copy where alignment allows.
at::Tensor tensor_of(const TensorView& view);

/// "f16" of at::kHalf and so on.
DType dtype_of(at::ScalarType type);

/// Writes model.safetensors, or model-0000k-of-0000n.safetensors and their index, into an existing folder; names in
/// order. Throws Error(argument | io | limit | cancelled | timeout).
void write_weights(const std::string& folder, std::vector<OutputTensor> tensors, const SaveOptions& options);

}  // namespace llava::core
