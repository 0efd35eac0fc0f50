// A safetensors file whose tensors are handed over one by one, so that no more than one need be in memory.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/dtype.hpp"
#include "base/files.hpp"

namespace llava::core {

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

struct TensorOutline {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};

class SafetensorsWriter {
 public:
  /// Begins the file (base/files, AtomicFile). Tensors of wide types come first and the data begin at a multiple of 64,
  /// so that every tensor of a mapped file is aligned to its type.
  /// Throws Error(argument) for an empty, repeated or non-UTF-8 name or an impossible shape, Error(limit | io).
  SafetensorsWriter(const std::string& path, std::vector<TensorOutline> tensors,
                    const SafetensorsMetadata& metadata = {});

  /// Places in the given list, in the order in which write() wants the tensors.
  const std::vector<size_t>& order() const { return order_; }

  /// The bytes of the next tensor. Error(argument) when they are not as many as its shape takes, Error(io).
  void write(const void* data, size_t size_bytes);

  /// After the last tensor.
  void commit();

 private:
  std::string header_text(const SafetensorsMetadata& metadata) const;

  std::string path_;
  std::vector<TensorOutline> tensors_;
  std::vector<size_t> order_;
  std::vector<size_t> sizes_;
  size_t written_ = 0;
  AtomicFile file_;
};

}  // namespace llava::core
