/** @file tensor.hpp Numbers with a shape, and encoded pictures. */
#ifndef LLAVA_HPP_TENSOR_HPP
#define LLAVA_HPP_TENSOR_HPP

#include "base.hpp"

namespace llava {
inline namespace abi1 {

class Model;

/** Kinds of numbers. */
enum class Dtype : int32_t { automatic = 0, f32 = 1, f16 = 2, bf16 = 3 };

/** Numbers with a shape. Since 0.1. */
class Tensor : public detail::Handle<llava_tensor, llava_tensor_retain, llava_tensor_free> {
 public:
  Tensor() = default;
  /** Copies numbers in C order. */
  Tensor(View<float> numbers, View<int64_t> shape) {
    int64_t count = 1;
    for (const auto size : shape) count *= size;
    if (count != static_cast<int64_t>(numbers.size()))
      throw std::invalid_argument("llava::Tensor: shape and numbers differ");
    detail::check(llava_tensor_from_host(numbers.data(), LLAVA_DTYPE_F32, shape.data(),
                                         static_cast<int32_t>(shape.size()), &handle_));
  }
  /** Copies numbers of any kind but Dtype::automatic in C order. */
  static Tensor from_host(const void* numbers, Dtype dtype, View<int64_t> shape) {
    Tensor tensor;
    detail::check(llava_tensor_from_host(numbers, static_cast<int32_t>(dtype), shape.data(),
                                         static_cast<int32_t>(shape.size()), &tensor.handle_));
    return tensor;
  }
  /** Takes over a handle of the C interface. */
  static Tensor adopt(llava_tensor* handle) {
    Tensor tensor;
    tensor.handle_ = handle;
    return tensor;
  }

  /** Dtype, device, shape. */
  llava_tensor_desc info() const {
    llava_tensor_desc desc = {};
    desc.struct_size = sizeof desc;
    detail::check(llava_tensor_info(handle_, &desc));
    return desc;
  }
  /** The sizes of the dimensions. */
  std::vector<int64_t> shape() const {
    const auto desc = info();
    return std::vector<int64_t>(desc.shape, desc.shape + desc.rank);
  }
  /** The numbers themselves, not to be written to; valid as long as the tensor. Throws for one on a card. */
  const void* data() const {
    const void* numbers = nullptr;
    detail::check(llava_tensor_data(handle_, &numbers));
    return numbers;
  }
  /** The numbers in C order. Throws std::logic_error for a tensor that is not f32. */
  std::vector<float> to_floats() const {
    const auto desc = info();
    if (desc.dtype != LLAVA_DTYPE_F32) throw std::logic_error("llava::Tensor::to_floats: the tensor is not f32");
    std::vector<float> numbers(static_cast<std::size_t>(desc.element_count));
    std::size_t needed = 0;
    if (!numbers.empty())
      detail::check(llava_tensor_copy_to_host(handle_, numbers.data(), numbers.size() * sizeof(float), &needed));
    return numbers;
  }
  /** The bytes in C order, whatever the dtype. */
  std::vector<uint8_t> to_bytes() const {
    return detail::copy_out<uint8_t>([&](uint8_t* to, std::size_t capacity, std::size_t* needed) {
      return llava_tensor_copy_to_host(handle_, to, capacity, needed);
    });
  }
};

/** One encoded picture. Since 0.1. */
class Embedding : public detail::Handle<llava_embedding, llava_embedding_retain, llava_embedding_free> {
 public:
  Embedding() = default;
  /** Makes an embedding of rows computed elsewhere. */
  Embedding(const Model& model, const Tensor& rows);
  /** Reads what save() wrote. */
  static Embedding load(const Model& model, const std::string& path);
  /** Takes over a handle of the C interface. */
  static Embedding adopt(llava_embedding* handle) {
    Embedding embedding;
    embedding.handle_ = handle;
    return embedding;
  }

  /** Rows, width, where it came from. */
  llava_embedding_desc info() const {
    llava_embedding_desc desc = {};
    desc.struct_size = sizeof desc;
    detail::check(llava_embedding_info(handle_, &desc));
    return desc;
  }
  /** The numbers, f32. */
  Tensor tensor() const {
    llava_tensor* tensor = nullptr;
    detail::check(llava_embedding_tensor(handle_, &tensor));
    return Tensor::adopt(tensor);
  }
  /** Writes a safetensors file. */
  void save(const std::string& path) const {
    detail::check(llava_embedding_save(handle_, detail::c_text(path, "path")));
  }
};

}  // namespace abi1
}  // namespace llava

#endif
