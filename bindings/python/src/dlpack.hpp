// The structs of DLPack 1.0 that cross between libraries (github.com/dmlc/dlpack, include/dlpack/dlpack.h); their layout
// is an agreement, not ours to change.
#pragma once

#include <cstdint>

namespace llava_python::dlpack {

constexpr int32_t kCpu = 1, kCudaHost = 3;
constexpr uint8_t kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kBool = 6;
constexpr uint64_t kReadOnly = 1;

struct Device {
  int32_t type, id;
};

struct DataType {
  uint8_t code, bits;
  uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in items; NULL for C order
  uint64_t byte_offset;
};

struct Managed {
  Tensor tensor;
  void* context;
  void (*deleter)(Managed*);
};

struct ManagedVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  Tensor tensor;
};

}  // namespace llava_python::dlpack
