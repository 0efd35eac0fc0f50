// Named tensors of a checkpoint as views into its files: pointer, shape, dtype, owner. No tensor library, no copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.hpp"

namespace llava::core {

struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;       // row-major, contiguous; empty = a scalar
  const std::byte* data = nullptr;  // little-endian; NOT necessarily aligned to the dtype: the format promises nothing
  size_t size_bytes = 0;
  std::string file;                   // the file's name without its folder, for messages
  std::shared_ptr<const void> owner;  // keeps the memory alive
};

class TensorMap {
 public:
  /// Throws Error(format) when a tensor of that name is there already; the message names both files.
  void add(TensorView view);

  /// nullptr when there is none; valid until the next add().
  const TensorView* find(std::string_view name) const;

  /// In the order of the files and of the offsets in them.
  const std::vector<TensorView>& all() const { return views_; }
  size_t size() const { return views_.size(); }
  bool empty() const { return views_.empty(); }

  /// Of all tensors together.
  int64_t size_bytes() const { return size_bytes_; }

 private:
  std::vector<TensorView> views_;
  std::map<std::string, size_t, std::less<>> index_;
  int64_t size_bytes_ = 0;
};

}  // namespace llava::core
