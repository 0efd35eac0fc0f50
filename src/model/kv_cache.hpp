// Keys and values of the positions a session has already computed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/config.hpp"

namespace llava::core {

/// One [capacity, G, K] tensor for keys and one for values per layer. The capacity grows by half, so a long dialogue
/// copies each row a few times at most; rows past length() hold nothing of meaning.
class KvCache {
 public:
  /// `context` is the number of positions it will be asked for at most: growing by half stops there. A longer one is
  /// still served, but copied at every step.
  KvCache(const LanguageConfig& config, int64_t context, at::ScalarType dtype, at::Device device);

  int64_t length() const { return length_; }
  int64_t context() const { return context_; }
  at::ScalarType dtype() const { return options_.dtype().toScalarType(); }

  /// Makes room for `length` positions, layer after layer: old and new storage of one layer are held at a time.
  /// On failure what the cache holds has not changed.
  void reserve(int64_t length);

  /// Copies keys and values [L, G, K] of one layer to positions length() … length() + L - 1.
  void write(int64_t layer, const at::Tensor& key_LGK, const at::Tensor& value_LGK);

  /// The first `length` positions of one layer, [length, G, K]; views.
  at::Tensor keys(int64_t layer, int64_t length) const;
  at::Tensor values(int64_t layer, int64_t length) const;

  /// Makes what write() left visible (advance) or forgets the end (truncate). Neither can throw.
  void advance(int64_t count) noexcept { length_ += count; }
  void truncate(int64_t length) noexcept { length_ = std::min(length_, length); }

  /// A cache with the same contents and storage of its own.
  KvCache fork() const;

  int64_t size_bytes() const;

 private:
  struct Layer {
    at::Tensor key, value;
  };
  at::Tensor grown(const at::Tensor& rows, int64_t capacity) const;

  std::vector<Layer> layers_;
  std::vector<int64_t> row_shape_;
  int64_t capacity_ = 0;  // of every layer; after a failed reserve() some have more
  int64_t length_ = 0;
  int64_t context_ = 0;
  at::TensorOptions options_;
};

}  // namespace llava::core
