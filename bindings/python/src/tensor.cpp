// Tensors: numbers out, by the buffer protocol and DLPack, and in.
#include <cstring>

#include "arrays.hpp"
#include "dlpack.hpp"
#include "parts.hpp"

namespace llava_python {
namespace {

struct Kind {
  int32_t number;
  const char* name;
  const char* format;  // of the buffer protocol; NULL where it has none
  dlpack::DataType dlpack;
  int64_t bytes;
};
constexpr Kind kKinds[] = {{LLAVA_DTYPE_F32, "float32", "f", {dlpack::kFloat, 32, 1}, 4},
                           {LLAVA_DTYPE_F16, "float16", "e", {dlpack::kFloat, 16, 1}, 2},
                           {LLAVA_DTYPE_BF16, "bfloat16", nullptr, {dlpack::kBfloat, 16, 1}, 2}};

const Kind& kind_of(const llava_tensor_desc& desc) {
  for (const auto& kind : kKinds)
    if (kind.number == desc.dtype) return kind;
  throw std::runtime_error("llava: a tensor has the unknown dtype " + std::to_string(desc.dtype));
}

std::vector<int64_t> sizes_of(const Tensor& tensor) {
  return {tensor.desc.shape, tensor.desc.shape + tensor.desc.rank};
}

py::buffer_info buffer_of(Tensor& tensor) {
  const auto& kind = kind_of(tensor.desc);
  if (!kind.format) {
    PyErr_SetString(PyExc_BufferError, "the tensor is bfloat16, which the buffer protocol lacks; take it by DLPack");
    throw py::error_already_set();
  }
  const auto sizes = sizes_of(tensor);
  std::vector<py::ssize_t> shape(sizes.begin(), sizes.end()), strides(sizes.size());
  py::ssize_t stride = kind.bytes;
  for (auto i = shape.size(); i-- > 0; stride *= shape[i]) strides[i] = stride;
  return py::buffer_info(const_cast<void*>(tensor.data), kind.bytes, kind.format, tensor.desc.rank, shape, strides,
                         /*readonly=*/true);
}

// What a capsule keeps alive.
struct Shared {
  std::shared_ptr<Tensor> tensor;
  std::vector<uint8_t> copy;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};

template <typename Managed>
void release(Managed* managed) {
  const WithGil gil;
  delete static_cast<Shared*>(managed->context);
  delete managed;
}

// An agreement of DLPack: who takes the content renames the capsule; one that nobody took frees it.
template <typename Managed>
py::capsule capsule_of(Managed* managed, const char* name) {
  return py::reinterpret_steal<py::capsule>(PyCapsule_New(managed, name, [](PyObject* capsule) {
    const char* now = PyCapsule_GetName(capsule);
    if (now && std::strncmp(now, "used", 4) == 0) return;
    auto* content = static_cast<Managed*>(PyCapsule_GetPointer(capsule, now));
    if (content) content->deleter(content);
  }));
}

}  // namespace

Tensor::Tensor(llava::Tensor t) : tensor(std::move(t)), desc(tensor.info()), data(tensor.data()) {}

py::tuple Tensor::shape() const { return py::tuple(py::cast(sizes_of(*this))); }

const char* Tensor::dtype() const { return kind_of(desc).name; }

py::capsule to_dlpack(const std::shared_ptr<Tensor>& tensor, const py::object& max_version, bool copy) {
  const bool versioned = !max_version.is_none() && max_version.cast<std::pair<int, int>>().first >= 1;
  const auto& kind = kind_of(tensor->desc);
  auto* shared = new Shared{tensor, {}, sizes_of(*tensor), {}};
  void* data = const_cast<void*>(tensor->data);
  if (copy || !versioned) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    shared->copy.assign(bytes, bytes + tensor->desc.size_bytes);
    data = shared->copy.data();
  }
  shared->strides.resize(shared->shape.size());
  int64_t stride = 1;
  for (auto i = shared->shape.size(); i-- > 0; stride *= shared->shape[i]) shared->strides[i] = stride;
  const dlpack::Tensor described{
      data, {dlpack::kCpu, 0}, tensor->desc.rank, kind.dlpack, shared->shape.data(), shared->strides.data(), 0};
  if (!versioned) return capsule_of(new dlpack::Managed{described, shared, release<dlpack::Managed>}, "dltensor");
  const uint64_t flags = copy ? 2 : dlpack::kReadOnly;  // 2: it is a copy
  return capsule_of(new dlpack::ManagedVersioned{1, 0, shared, release<dlpack::ManagedVersioned>, flags, described},
                    "dltensor_versioned");
}

std::shared_ptr<Tensor> tensor_from(py::handle object) {
  const auto view = view_of(object, "array");
  for (const auto& kind : kKinds) {
    if (view.dtype != kind.name) continue;
    const auto bytes = view.dense() ? std::vector<uint8_t>() : view.copy();
    const auto* data = view.dense() ? view.data : bytes.data();
    return std::make_shared<Tensor>(
        unlocked([&] { return llava::Tensor::from_host(data, static_cast<llava::Dtype>(kind.number), view.shape); }));
  }
  throw py::value_error("array is " + view.text() + ", expected float32, float16 or bfloat16");
}

void add_tensor(py::module_& module) {
  py::class_<Tensor, std::shared_ptr<Tensor>>(
      module, "Tensor", py::buffer_protocol(),
      "Numbers of the library with a shape, shared and not to be written to: memoryview(), numpy.asarray(), "
      "torch.from_dlpack() take them without a copy. Made of any float32, float16 or bfloat16 array.")
      .def(py::init(&tensor_from), py::arg("array"))
      .def_buffer(&buffer_of)
      .def_property_readonly("shape", &Tensor::shape)
      .def_property_readonly("dtype", &Tensor::dtype)
      .def(
          "__dlpack__",
          [](const std::shared_ptr<Tensor>& self, const py::object&, const py::object& max_version,
             const py::object& dl_device, const py::object& copy) {
            if (!dl_device.is_none() && dl_device.cast<std::pair<int, int>>().first != dlpack::kCpu) {
              PyErr_SetString(PyExc_BufferError, "the tensor lies on the CPU");
              throw py::error_already_set();
            }
            return to_dlpack(self, max_version, !copy.is_none() && copy.cast<bool>());
          },
          py::kw_only(), py::arg("stream") = py::none(), py::arg("max_version") = py::none(),
          py::arg("dl_device") = py::none(), py::arg("copy") = py::none())
      .def("__dlpack_device__", [](const Tensor&) { return py::make_tuple(dlpack::kCpu, 0); })
      .def("__len__", [](const Tensor& self) { return self.desc.shape[0]; })
      .def("__repr__", [](const Tensor& self) {
        return "<llava.Tensor " + std::string(self.dtype()) + " " +
               py::repr(py::list(self.shape())).cast<std::string>() + ">";
      });
}

}  // namespace llava_python
