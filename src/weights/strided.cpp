// An odometer over all dimensions but the last, which is a plain loop.
#include "weights/strided.hpp"

#include <algorithm>
#include <cstring>

namespace llava::core {
namespace {

template <size_t kBytes>
void copy_row(const std::byte* source, int64_t count, int64_t stride, std::byte* out) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(out + static_cast<size_t>(i) * kBytes, source + static_cast<size_t>(i * stride) * kBytes, kBytes);
}

void copy_row(const std::byte* source, int64_t count, int64_t stride, size_t item_bytes, std::byte* out) {
  switch (item_bytes) {
    case 1:
      return copy_row<1>(source, count, stride, out);
    case 2:
      return copy_row<2>(source, count, stride, out);
    case 4:
      return copy_row<4>(source, count, stride, out);
    default:
      return copy_row<8>(source, count, stride, out);
  }
}

}  // namespace

bool is_contiguous(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

void copy_strided(const std::byte* source, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                  size_t item_bytes, std::byte* out) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  const size_t outer = shape.empty() ? 0 : shape.size() - 1;
  const int64_t row = shape.empty() ? 1 : shape.back(), row_stride = shape.empty() ? 1 : strides.back();
  std::vector<int64_t> place(outer, 0);
  int64_t offset = 0;
  while (true) {
    copy_row(source + static_cast<size_t>(offset) * item_bytes, row, row_stride, item_bytes, out);
    out += static_cast<size_t>(row) * item_bytes;
    size_t i = outer;
    for (; i > 0; --i) {
      offset += strides[i - 1];
      if (++place[i - 1] < shape[i - 1]) break;
      offset -= place[i - 1] * strides[i - 1];
      place[i - 1] = 0;
    }
    if (i == 0) return;
  }
}

void swap_bytes(std::byte* data, size_t bytes, size_t item_bytes) {
  for (size_t at = 0; at < bytes; at += item_bytes) std::reverse(data + at, data + at + item_bytes);
}

}  // namespace llava::core
