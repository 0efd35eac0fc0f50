// Dropout whose mask is a function of a key and a place: no state, nothing to save, nothing to keep for the way back.
#include <ATen/ops/empty_like.h>

#include <cmath>

#include "base/rng.hpp"
#include "ops/check.hpp"
#include "ops/cpu/tensors.hpp"
#include "ops/cuda/tensors.hpp"
#include "ops/gradient_reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kWords = 4;  // of a block of Philox

uint32_t low(uint64_t number) { return static_cast<uint32_t>(number); }
uint32_t high(uint64_t number) { return static_cast<uint32_t>(number >> 32); }

at::Tensor keyed_dropout_cuda(const at::Tensor& x, double probability, uint64_t key, int64_t first) {
  const c10::DeviceGuard guard(x.device());
  const auto from = x.contiguous();
  auto result = at::empty_like(from);
  const cuda::DropoutMask mask{key, first, static_cast<uint64_t>(probability * 0x1p32),
                               static_cast<float>(1 / (1 - probability))};
  cuda::keyed_dropout(cuda::launch_of(x), result.data_ptr(), from.const_data_ptr(), from.numel(), mask);
  return result;
}

}  // namespace

at::Tensor keyed_dropout(const at::Tensor& x, double probability, uint64_t key, int64_t first) {
  require(probability >= 0 && probability < 1, "keyed_dropout: 0 <= p < 1", x);
  if (x.is_cuda()) return keyed_dropout_cuda(x, probability, key, first);
  if (takes_reference(x)) return keyed_dropout_reference(x, probability, key, first);
  const auto from = x.contiguous();
  auto result = at::empty_like(from);
  const auto* read = from.const_data_ptr<float>();
  auto* write = result.data_ptr<float>();
  const int64_t end = first + from.numel(), first_block = first / kWords,
                blocks = (end + kWords - 1) / kWords - first_block;
  const auto least = static_cast<uint64_t>(probability * 0x1p32);
  const auto factor = static_cast<float>(1 / (1 - probability));
  cpu::parallel_for(blocks, cpu::kSerialElements / kWords, [&](int64_t begin, int64_t last) {
    for (int64_t block = first_block + begin; block < first_block + last; ++block) {
      const auto number = static_cast<uint64_t>(block);
      const auto words = philox4x32({low(number), high(number), 0, 0}, {low(key), high(key)});
      for (int64_t i = std::max(first, block * kWords); i < std::min(end, (block + 1) * kWords); ++i)
        write[i - first] = words[static_cast<size_t>(i % kWords)] >= least ? read[i - first] * factor : 0.0f;
    }
  });
  return result;
}

}  // namespace llava::core
