// Elements that lie apart, gathered into row-major order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace llava::core {

/// True when the elements of `shape` with `strides` (in elements) already lie row-major without gaps; the strides of
/// dimensions of one element do not matter.
bool is_contiguous(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);

/// Copies all elements of `item_bytes` (1, 2, 4 or 8) each to `out`, in row-major order.
///
///   source   the first element; any alignment
///   strides  in elements, not negative; as many as `shape` has dimensions
void copy_strided(const std::byte* source, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                  size_t item_bytes, std::byte* out);

/// Turns the bytes of every element around, for data of a big-endian machine. `bytes` is a multiple of `item_bytes`.
void swap_bytes(std::byte* data, size_t bytes, size_t item_bytes);

}  // namespace llava::core
