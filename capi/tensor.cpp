// include/llava/tensor.h
#include <llava/tensor.h>

#include <ATen/ops/empty.h>

#include "arguments.hpp"
#include "base/limits.hpp"
#include "device_number.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;

namespace {

int32_t dtype_number(at::ScalarType type) {
  if (type == at::kHalf) return LLAVA_DTYPE_F16;
  return type == at::kBFloat16 ? LLAVA_DTYPE_BF16 : LLAVA_DTYPE_F32;
}

at::ScalarType dtype_argument(int32_t dtype) {
  check_range(dtype, LLAVA_DTYPE_F32, LLAVA_DTYPE_BF16, "dtype");
  return dtype == LLAVA_DTYPE_F32 ? at::kFloat : dtype == LLAVA_DTYPE_F16 ? at::kHalf : at::kBFloat16;
}

// The sizes, each at least 1, whose product of bytes does not overflow.
std::vector<int64_t> shape_argument(const int64_t* shape, int32_t rank) {
  check_range(rank, 1, llava::core::limits::kTensorRank, "rank");
  const auto sizes = list_argument(shape, rank, "shape", "rank", 1, llava::core::limits::kTensorRank);
  int64_t bytes = 8;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1) throw Error(Status::argument, cat("shape[", i, "] is ", sizes[i], ", expected at least 1"));
    if (__builtin_mul_overflow(bytes, sizes[i], &bytes))
      throw Error(Status::argument, "the product of shape overflows");
  }
  return {sizes.begin(), sizes.end()};
}

}  // namespace

llava_status llava_tensor_info(const llava_tensor* tensor, llava_tensor_desc* out) {
  return guarded({}, [&] {
    const auto object = get(tensor, "tensor");
    const auto& numbers = object->tensor;
    llava_tensor_desc desc = {};
    desc.dtype = dtype_number(numbers.scalar_type());
    desc.device = device_number(numbers.device());
    desc.rank = static_cast<int32_t>(numbers.dim());
    for (int64_t i = 0; i < numbers.dim(); ++i) desc.shape[i] = numbers.size(i);
    desc.element_count = numbers.numel();
    desc.size_bytes = static_cast<int64_t>(numbers.nbytes());
    fill_struct(out, desc, "llava_tensor_desc");
  });
}

llava_status llava_tensor_copy_to_host(const llava_tensor* tensor, void* dst, size_t capacity, size_t* needed) {
  return guarded(cleared(needed), [&] {
    const auto object = get(tensor, "tensor");
    const auto numbers = object->tensor.cpu();
    const auto* bytes = static_cast<const uint8_t*>(numbers.const_data_ptr());
    copy_out(std::span(bytes, numbers.nbytes()), static_cast<uint8_t*>(dst), capacity, needed, "needed");
  });
}

llava_status llava_tensor_data(const llava_tensor* tensor, const void** data) {
  return guarded(cleared(data), [&] {
    required(data, "data");
    const auto object = get(tensor, "tensor");
    if (!object->tensor.device().is_cpu())
      throw Error(Status::unsupported, cat("the tensor lies on ", object->tensor.device().str(),
                                           ", expected the CPU; llava_tensor_copy_to_host() serves it"));
    *data = object->tensor.const_data_ptr();
  });
}

llava_status llava_tensor_from_host(const void* data, int32_t dtype, const int64_t* shape, int32_t rank,
                                    llava_tensor** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto type = dtype_argument(dtype);
    const auto sizes = shape_argument(shape, rank);
    if (!data) throw Error(Status::argument, "data is NULL, expected numbers");
    const auto numbers = at::empty(sizes, at::TensorOptions().dtype(type).device(at::kCPU));
    std::memcpy(numbers.mutable_data_ptr(), data, numbers.nbytes());
    *out = wrap<llava_tensor>(std::make_shared<TensorObject>(numbers));
  });
}

LLAVA_COUNTED(tensor)
