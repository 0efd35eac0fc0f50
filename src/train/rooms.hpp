// Buffers of one length that are used again and again for what is there for a moment: memory that is given back to the
// system and asked for anew for each block would cost a page fault for every 4 KiB of it.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <vector>

namespace llava::core {

class Rooms {
 public:
  Rooms(int64_t length, const at::TensorOptions& options) : length_(length), options_(options) {}

  /// Makes so many now: what stays is better not made among what comes and goes.
  void reserve(size_t count) {
    while (spare_.size() < count) spare_.push_back(at::empty({length_}, options_));
  }

  /// A buffer of that length with anything in it.
  at::Tensor take() {
    if (spare_.empty()) return at::empty({length_}, options_);
    auto room = std::move(spare_.back());
    spare_.pop_back();
    return room;
  }
  void give_back(at::Tensor room) { spare_.push_back(std::move(room)); }

 private:
  int64_t length_;
  at::TensorOptions options_;
  std::vector<at::Tensor> spare_;
};

}  // namespace llava::core
