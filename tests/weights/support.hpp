// Makers of tensors with bytes of their own.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "weights/tensor_map.hpp"

inline llava::core::TensorView tensor(std::string name, llava::core::DType dtype, std::vector<int64_t> shape,
                                      std::string_view bytes) {
  auto memory = std::make_shared<std::string>(bytes);
  llava::core::TensorView view;
  view.name = std::move(name);
  view.dtype = dtype;
  view.shape = std::move(shape);
  view.data = reinterpret_cast<const std::byte*>(memory->data());
  view.size_bytes = memory->size();
  view.owner = memory;
  return view;
}

template <typename Number>
llava::core::TensorView tensor(std::string name, llava::core::DType dtype, const std::vector<Number>& values) {
  const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
  return tensor(std::move(name), dtype, {static_cast<int64_t>(values.size())}, bytes);
}

inline llava::core::TensorView random_tensor(std::string name, llava::core::Rng& rng) {
  const auto dtype = static_cast<llava::core::DType>(rng.next_below(10));
  std::vector<int64_t> shape(rng.next_below(rng.next_below(4) ? 4 : 9));
  size_t size = llava::core::dtype_bytes(dtype);
  for (auto& dimension : shape) {
    dimension = rng.next_below(12) ? 1 + rng.next_below(shape.size() > 4 ? 2 : 9) : 0;
    size *= static_cast<size_t>(dimension);
  }
  std::string bytes(size, '\0');
  for (auto& byte : bytes) byte = static_cast<char>(rng.next_u32());
  return tensor(std::move(name), dtype, shape, bytes);
}

inline bool same(const llava::core::TensorView& a, const llava::core::TensorView& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.size_bytes == b.size_bytes &&
         (a.size_bytes == 0 || std::memcmp(a.data, b.data, a.size_bytes) == 0);
}
