// NaN and infinity are the numbers whose exponent is all ones (IEEE 754; bf16 is the upper half of a float).
#include "weights/finite.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr size_t kBlockBytes = size_t{4} << 20;

template <typename Word>
Word load(const std::byte* data) {
  Word word;
  std::memcpy(&word, data, sizeof word);  // views promise no alignment
  return word;
}

// index of the first element whose exponent is all ones, or `count`; the plain loop in front is vectorised
template <typename Word>
size_t first_not_finite(const std::byte* data, size_t count, Word exponent) {
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) found += (load<Word>(data + i * sizeof(Word)) & exponent) == exponent;
  if (!found) return count;
  size_t i = 0;
  while ((load<Word>(data + i * sizeof(Word)) & exponent) != exponent) ++i;
  return i;
}

template <typename Word>
void check_block(const TensorView& view, size_t begin, size_t size, Word exponent) {
  const size_t count = size / sizeof(Word), i = first_not_finite<Word>(view.data + begin, count, exponent);
  if (i == count) return;
  const auto word = load<Word>(view.data + begin + i * sizeof(Word));
  const auto mantissa = static_cast<Word>(exponent & -exponent) - 1;
  throw Error(Status::format,
              cat(view.file, ": tensor \"", printable(view.name), "\": element ", begin / sizeof(Word) + i, " of ",
                  shape_text(view.shape), ' ', dtype_name(view.dtype), " is ", word & mantissa ? "NaN" : "infinity"));
}

void check_block(const TensorView& view, size_t begin, size_t size) {
  switch (view.dtype) {
    case DType::f16:
      return check_block<uint16_t>(view, begin, size, 0x7C00);
    case DType::bf16:
      return check_block<uint16_t>(view, begin, size, 0x7F80);
    case DType::f32:
      return check_block<uint32_t>(view, begin, size, 0x7F800000);
    case DType::f64:
      return check_block<uint64_t>(view, begin, size, 0x7FF0000000000000);
    default:
      return;
  }
}

}  // namespace

void check_finite(const TensorMap& map, const Cancel& cancel,
                  const std::function<void(int64_t, int64_t, std::string_view)>& progress) {
  int64_t done_bytes = 0;
  for (const auto& view : map.all()) {
    for (size_t begin = 0; begin < view.size_bytes; begin += kBlockBytes) {
      cancel.poll("verification of the weights");
      const auto size = std::min(kBlockBytes, view.size_bytes - begin);
      check_block(view, begin, size);
      done_bytes += static_cast<int64_t>(size);
      if (progress) progress(done_bytes, map.size_bytes(), view.file);
    }
  }
}

}  // namespace llava::core
