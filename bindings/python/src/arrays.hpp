// Numbers that others own, by the buffer protocol or DLPack, and numbers handed out the same ways.
#pragma once

#include <cstdint>
#include <llava/llava.hpp>
#include <memory>
#include <string>
#include <vector>

#include "owned.hpp"

namespace llava_python {

/// An array in host memory, borrowed while this lives.
struct ArrayView {
  const uint8_t* data = nullptr;
  std::string dtype;             // "uint8", "float32", "bfloat16", …
  int64_t item_bytes = 0;        //
  std::vector<int64_t> shape;    //
  std::vector<int64_t> strides;  // in bytes, may be negative or 0
  std::shared_ptr<void> owner;

  std::string text() const;           // "float64 [2, 3]"
  bool dense() const;                 // C order without gaps
  std::vector<uint8_t> copy() const;  // in C order
};

/// Looks at an object: buffer protocol first (numpy, bytes, memoryview), else __dlpack__ (torch). Raises TypeError for
/// an object that has neither, ValueError for memory of a card.
ArrayView view_of(py::handle object, const char* name);

/// Numbers of the library, shared with whoever asks; never written to.
class Tensor {
 public:
  explicit Tensor(llava::Tensor tensor);

  llava::Tensor tensor;
  llava_tensor_desc desc;
  const void* data;

  py::tuple shape() const;
  const char* dtype() const;
};

/// A DLPack capsule of the numbers; versioned and read-only where the consumer knows that, else of a copy.
py::capsule to_dlpack(const std::shared_ptr<Tensor>& tensor, const py::object& max_version, bool copy);

/// Numbers in C order of a buffer or DLPack object: float32, float16, bfloat16.
std::shared_ptr<Tensor> tensor_from(py::handle object);

}  // namespace llava_python
