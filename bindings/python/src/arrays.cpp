// Arrays in: any strides, of the buffer protocol or DLPack.
#include "arrays.hpp"

#include <cstring>

#include "dlpack.hpp"

namespace llava_python {
namespace {

std::string name_of(const dlpack::DataType& type) {
  const auto bits = std::to_string(type.bits);
  if (type.lanes != 1) return "a vector of " + std::to_string(type.lanes);
  switch (type.code) {
    case dlpack::kInt:
      return "int" + bits;
    case dlpack::kUInt:
      return "uint" + bits;
    case dlpack::kFloat:
      return "float" + bits;
    case dlpack::kBfloat:
      return "bfloat" + bits;
    case dlpack::kBool:
      return "bool";
    default:
      return "dtype number " + std::to_string(type.code);
  }
}

// A format of the struct module; the sizes are native.
std::string name_of(const char* format, int64_t bytes) {
  std::string text = format ? format : "B";
  if (!text.empty() && (text[0] == '@' || text[0] == '=' || text[0] == '<')) text.erase(0, 1);
  const auto bits = std::to_string(8 * bytes);
  if (text.size() != 1) return "format " + text;
  if (text == "?") return "bool";
  if (std::strchr("efd", text[0])) return "float" + bits;
  if (std::strchr("bhilqn", text[0])) return "int" + bits;
  if (std::strchr("cBHILQN", text[0])) return "uint" + bits;
  return "format " + text;
}

ArrayView view_of_buffer(py::handle object) {
  auto* raw = new Py_buffer;
  if (PyObject_GetBuffer(object.ptr(), raw, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
    delete raw;
    throw py::error_already_set();
  }
  ArrayView view;
  view.owner = std::shared_ptr<void>(raw, [](void* held) {
    const WithGil gil;
    PyBuffer_Release(static_cast<Py_buffer*>(held));
    delete static_cast<Py_buffer*>(held);
  });
  view.data = static_cast<const uint8_t*>(raw->buf);
  view.item_bytes = raw->itemsize;
  view.dtype = name_of(raw->format, raw->itemsize);
  view.shape.assign(raw->shape, raw->shape + raw->ndim);
  view.strides.assign(raw->strides, raw->strides + raw->ndim);
  return view;
}

ArrayView view_of_dlpack(py::handle object, const char* name) {
  const auto device = object.attr("__dlpack_device__")().cast<std::pair<int32_t, int32_t>>();
  if (device.first != dlpack::kCpu && device.first != dlpack::kCudaHost)
    throw py::value_error(std::string(name) + " lies on a device of kind " + std::to_string(device.first) +
                          " (DLPack's number), expected memory of the CPU: call .cpu() first");
  py::object given = object.attr("__dlpack__")();
  auto* managed = static_cast<dlpack::Managed*>(PyCapsule_GetPointer(given.ptr(), "dltensor"));
  if (!managed) throw py::error_already_set();
  PyCapsule_SetName(given.ptr(), "used_dltensor");
  ArrayView view;
  view.owner = std::shared_ptr<void>(managed, [](void* held) {
    const WithGil gil;
    auto* one = static_cast<dlpack::Managed*>(held);
    if (one->deleter) one->deleter(one);
  });
  const auto& tensor = managed->tensor;
  view.data = static_cast<const uint8_t*>(tensor.data) + tensor.byte_offset;
  view.item_bytes = tensor.dtype.bits * tensor.dtype.lanes / 8;
  view.dtype = name_of(tensor.dtype);
  view.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
  view.strides.assign(view.shape.size(), 0);
  int64_t dense = view.item_bytes;
  for (auto i = view.shape.size(); i-- > 0; dense *= view.shape[i])
    view.strides[i] = tensor.strides ? tensor.strides[i] * view.item_bytes : dense;
  return view;
}

// Copies dimension `at` and those after it; returns where the next item goes.
uint8_t* gather(const ArrayView& view, std::size_t at, const uint8_t* from, uint8_t* to) {
  if (at == view.shape.size()) {
    std::memcpy(to, from, static_cast<std::size_t>(view.item_bytes));
    return to + view.item_bytes;
  }
  for (int64_t i = 0; i < view.shape[at]; ++i) to = gather(view, at + 1, from + i * view.strides[at], to);
  return to;
}

}  // namespace

std::string ArrayView::text() const {
  std::string sizes;
  for (const auto size : shape) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  return dtype + " [" + sizes + "]";
}

bool ArrayView::dense() const {
  int64_t expected = item_bytes;
  for (auto i = shape.size(); i-- > 0; expected *= shape[i])
    if (shape[i] > 1 && strides[i] != expected) return false;
  return true;
}

std::vector<uint8_t> ArrayView::copy() const {
  int64_t count = item_bytes;
  for (const auto size : shape) count *= size;
  std::vector<uint8_t> bytes(static_cast<std::size_t>(count));
  if (count && dense())
    std::memcpy(bytes.data(), data, bytes.size());
  else if (count)
    gather(*this, 0, data, bytes.data());
  return bytes;
}

ArrayView view_of(py::handle object, const char* name) {
  if (PyObject_CheckBuffer(object.ptr())) return view_of_buffer(object);
  if (py::hasattr(object, "__dlpack__")) return view_of_dlpack(object, name);
  const auto type = py::str(py::type::handle_of(object).attr("__name__")).cast<std::string>();
  throw py::type_error(std::string(name) + " is a " + type + ", expected an array (buffer protocol or DLPack)");
}

}  // namespace llava_python
