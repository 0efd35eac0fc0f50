// To four bits and back.
#include "ops/nf4.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.hpp"
#include "ops/check.hpp"
#include "ops/cpu/tensors.hpp"

namespace llava::core {
namespace {

constexpr int64_t kBlock = 64;   // numbers of one scale
constexpr int64_t kGroup = 256;  // scales of one scale of theirs

// Quantiles of a normal distribution, as many on each side, with an exact zero, scaled to end at 1.
constexpr std::array<float, 16> kLevels = {-1.0f,
                                           -0.6961928009986877f,
                                           -0.5250730514526367f,
                                           -0.39491748809814453f,
                                           -0.28444138169288635f,
                                           -0.18477343022823334f,
                                           -0.09105003625154495f,
                                           0.0f,
                                           0.07958029955625534f,
                                           0.16093020141124725f,
                                           0.24611230194568634f,
                                           0.33791524171829224f,
                                           0.44070982933044434f,
                                           0.5626170039176941f,
                                           0.7229568362236023f,
                                           1.0f};

// Eight bits with an exponent of changing length: for each power of ten as many means of even parts as it has fraction bits.
std::array<float, 256> scale_levels() {
  constexpr int kExponents = 7;
  std::vector<double> levels = {0, 1};
  for (int i = 0; i < kExponents; ++i) {
    const int parts = 1 << i;
    const double power = std::pow(10.0, i - (kExponents - 1)), width = 0.9 / parts;
    for (int k = 0; k < parts; ++k) {
      const double mean = 0.1 + (k + 0.5) * width;
      levels.push_back(power * mean);
      levels.push_back(-power * mean);
    }
  }
  std::sort(levels.begin(), levels.end());
  std::array<float, 256> table{};
  std::transform(levels.begin(), levels.end(), table.begin(), [](double level) { return static_cast<float>(level); });
  return table;
}

const std::array<float, 256>& scale_table() {
  static const auto table = scale_levels();
  return table;
}

// The place of the level that is nearest to x; of two equally near ones the lower.
template <size_t size>
uint8_t nearest(const std::array<float, size>& levels, float x) {
  const auto above = std::lower_bound(levels.begin(), levels.end(), x);
  if (above == levels.begin()) return 0;
  if (above == levels.end()) return static_cast<uint8_t>(size - 1);
  const auto place = above - levels.begin();
  const float middle = (levels[static_cast<size_t>(place - 1)] + *above) / 2;
  return static_cast<uint8_t>(x > middle ? place : place - 1);
}

float largest_of(const float* values, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) throw Error(Status::argument, "a weight is not finite: it has no four-bit form");
    most = std::max(most, std::abs(values[i]));
  }
  return most;
}

int64_t parts_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

}  // namespace

Nf4Matrix::Nf4Matrix(const at::Tensor& matrix) : rows_(matrix.size(0)), columns_(matrix.size(1)) {
  require(matrix.dim() == 2 && matrix.is_cpu(), "nf4: a matrix on the CPU", matrix);
  const auto wide = matrix.to(at::kFloat).contiguous();
  const auto* values = wide.const_data_ptr<float>();
  const int64_t count = wide.numel(), blocks = parts_of(count, kBlock);
  std::vector<float> largest(static_cast<size_t>(blocks));
  codes_.assign(static_cast<size_t>(parts_of(count, 2)), 0);
  cpu::parallel_for(blocks, cpu::kSerialElements / kBlock, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * kBlock, size = std::min(kBlock, count - begin);
      const float most = largest_of(values + begin, size);
      largest[static_cast<size_t>(block)] = most;
      for (int64_t i = begin; i < begin + size; ++i) {
        const auto code = nearest(kLevels, most > 0 ? values[i] / most : 0.0f);
        codes_[static_cast<size_t>(i / 2)] |= static_cast<uint8_t>(code << (4 * (i % 2)));
      }
    }
  });
  double sum = 0;
  for (const float one : largest) sum += one;
  mean_scale_ = blocks > 0 ? static_cast<float>(sum / static_cast<double>(blocks)) : 0;
  for (auto& one : largest) one -= mean_scale_;
  for (int64_t group = 0; group < parts_of(blocks, kGroup); ++group) {
    const int64_t begin = group * kGroup, size = std::min(kGroup, blocks - begin);
    const float most = largest_of(largest.data() + begin, size);
    group_scales_.push_back(most);
    for (int64_t i = begin; i < begin + size; ++i)
      scales_.push_back(nearest(scale_table(), most > 0 ? largest[static_cast<size_t>(i)] / most : 0.0f));
  }
}

float Nf4Matrix::scale_of(int64_t block) const {
  const auto place = static_cast<size_t>(block);
  return scale_table()[scales_[place]] * group_scales_[place / kGroup] + mean_scale_;
}

at::Tensor Nf4Matrix::widened() const {
  auto wide = at::empty({rows_, columns_}, at::kFloat);
  auto* values = wide.data_ptr<float>();
  const int64_t count = wide.numel();
  cpu::parallel_for(parts_of(count, kBlock), cpu::kSerialElements / kBlock, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const float scale = scale_of(block);
      for (int64_t i = block * kBlock; i < std::min(count, (block + 1) * kBlock); ++i)
        values[i] = kLevels[codes_[static_cast<size_t>(i / 2)] >> (4 * (i % 2)) & 15] * scale;
    }
  });
  return wide;
}

}  // namespace llava::core
