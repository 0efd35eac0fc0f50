// Headers of safetensors: what is taken fills the file without hole or overlap, and every shape fits its bytes.
#include "fuzz.hpp"
#include "weights/safetensors_header.hpp"

using namespace llava;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto header = core::parse_safetensors_header(fuzz::bytes_of(data, size), static_cast<int64_t>(size), "file");
    int64_t filled = header.data_offset;
    for (const auto& tensor : header.tensors) {
      auto bytes = static_cast<int64_t>(core::dtype_bytes(tensor.dtype));
      for (const auto side : tensor.shape) {
        fuzz::require(side >= 0, "a negative side", tensor.name);
        bytes *= side;
      }
      fuzz::require(bytes == tensor.end - tensor.begin, "shape and offsets disagree", tensor.name);
      fuzz::require(tensor.begin + header.data_offset == filled, "a hole or an overlap", tensor.name);
      filled += bytes;
    }
    fuzz::require(filled == static_cast<int64_t>(size), "bytes after the last tensor");
  });
  return 0;
}
