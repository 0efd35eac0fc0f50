// The key-value cache.
#include "model/kv_cache.hpp"

#include <ATen/ops/empty.h>

namespace llava::core {

constexpr int64_t kFirstCapacity = 256;

KvCache::KvCache(const LanguageConfig& config, int64_t context, at::ScalarType dtype, at::Device device)
    : layers_(static_cast<size_t>(config.layers)),
      row_shape_{config.key_value_heads, config.head_width},
      context_(context),
      options_(at::TensorOptions().dtype(dtype).device(device)) {}

void KvCache::reserve(int64_t length) {
  if (length <= capacity_) return;
  const int64_t capacity =
      std::min(std::max({length, capacity_ + capacity_ / 2, kFirstCapacity}), std::max(context_, length));
  for (auto& layer : layers_) {
    layer.key = grown(layer.key, capacity);
    layer.value = grown(layer.value, capacity);
  }
  capacity_ = capacity;
}

at::Tensor KvCache::grown(const at::Tensor& rows, int64_t capacity) const {
  if (rows.defined() && rows.size(0) >= capacity) return rows;  // a failed attempt came this far
  auto fresh = at::empty({capacity, row_shape_[0], row_shape_[1]}, options_);
  if (length_ > 0) fresh.narrow(0, 0, length_).copy_(rows.narrow(0, 0, length_));
  return fresh;
}

void KvCache::write(int64_t layer, const at::Tensor& key_LGK, const at::Tensor& value_LGK) {
  auto& store = layers_[static_cast<size_t>(layer)];
  store.key.narrow(0, length_, key_LGK.size(0)).copy_(key_LGK);
  store.value.narrow(0, length_, value_LGK.size(0)).copy_(value_LGK);
}

at::Tensor KvCache::keys(int64_t layer, int64_t length) const {
  return layers_[static_cast<size_t>(layer)].key.narrow(0, 0, length);
}

at::Tensor KvCache::values(int64_t layer, int64_t length) const {
  return layers_[static_cast<size_t>(layer)].value.narrow(0, 0, length);
}

KvCache KvCache::fork() const {
  KvCache copy = *this;
  copy.capacity_ = 0;
  for (auto& layer : copy.layers_) {
    if (!layer.key.defined() || length_ == 0) {
      layer = {};
      continue;
    }
    layer.key = layer.key.narrow(0, 0, length_).clone();
    layer.value = layer.value.narrow(0, 0, length_).clone();
    copy.capacity_ = length_;
  }
  return copy;
}

int64_t KvCache::size_bytes() const {
  int64_t total = 0;
  for (const auto& layer : layers_)
    if (layer.key.defined()) total += static_cast<int64_t>(layer.key.nbytes() + layer.value.nbytes());
  return total;
}

}  // namespace llava::core
